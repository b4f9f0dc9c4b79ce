package config

import (
	"regexp"
	"slices"
	"strings"
)

// prefix is what our variables begin with.
const prefix = "TIDEGATE_"

// fileVariable names the file of settings, and so is none itself.
const fileVariable = prefix + "CONFIG"

// notSettings are variables with our prefix that are no settings: the file's name,
// and the Redis server that the tests start.
var notSettings = []string{fileVariable, prefix + "REDIS_SERVER"}

// aliases are the variables of a Django Channels deployment.
var aliases = map[string]string{
	"UVICORN_WORKERS":            "workers",
	"CHANNEL_LAYER_CAPACITY":     "capacity",
	"CHANNEL_LAYER_GROUP_EXPIRY": "group_expiry",
	"REDIS_URL":                  "broker",
}

// environment adds the layer of variables. A variable of our own beats one of the
// former deployment, which then is not even read.
func (l *loading) environment(environ []string) {
	byName := make(map[string]string, len(rules))
	for key := range rules {
		byName[variableOf(key)] = key
	}
	for _, variable := range sortedKeys(aliases) {
		key := aliases[variable]
		value := lookup(environ, variable)
		if value == "" || lookup(environ, variableOf(key)) != "" {
			continue
		}
		l.set(key, value, aliasSource(variable))
	}
	for _, entry := range environ {
		variable, value, _ := strings.Cut(entry, "=")
		name, ours := strings.CutPrefix(variable, prefix)
		if key, known := byName[variable]; known {
			l.set(key, value, "environment "+variable)
		} else if ours && !slices.Contains(notSettings, variable) && !serviceVariable(name, value) {
			l.fail("unknown variable %s (environment): did you mean %s? gateway config lists all settings", quoted(variable), variableOf(nearest(name)))
		}
	}
}

// tookAliases are the aliases whose value no later layer has replaced.
func (l *Loaded) tookAliases() (took []Alias) {
	for _, variable := range sortedKeys(aliases) {
		if key := aliases[variable]; l.source[key] == aliasSource(variable) {
			took = append(took, Alias{Key: key, Variable: variable})
		}
	}
	return took
}

// aliasSource is how the source of a setting names an alias.
func aliasSource(variable string) string { return "environment " + variable + " (alias)" }

var serviceVariablePattern = regexp.MustCompile(`^([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// serviceVariable reports whether a variable was made by Kubernetes, which tells
// every container of a namespace where its services are. A service that is called
// tidegate, the obvious name, makes TIDEGATE_PORT and a dozen more; if they were
// mistakes, the gateway would not start there. What a person would write as
// TIDEGATE_PORT is told apart by its value.
func serviceVariable(name, value string) bool {
	address := (name == "PORT" || strings.HasSuffix(name, "_PORT")) && strings.Contains(value, "://")
	return address || serviceVariablePattern.MatchString(name)
}

// variableOf is the variable of a setting.
func variableOf(key string) string {
	return prefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// lookup is the value of a variable, or empty. The last one counts, as for the
// programs that a shell starts.
func lookup(environ []string, name string) string {
	for _, entry := range slices.Backward(environ) {
		if n, value, ok := strings.Cut(entry, "="); ok && n == name {
			return value
		}
	}
	return ""
}
