package config

import (
	"slices"
	"strings"
	"testing"
)

// TestEverySettingHasAVariable: what default.yaml shows of a setting is taken from
// its variable, also where a section's and a setting's name both have underscores.
func TestEverySettingHasAVariable(t *testing.T) {
	defaults := load(t, Sources{})
	for key := range rules {
		if key == "keys" {
			continue // not shown, so not to be given again
		}
		value := strings.Trim(defaults.Redacted(key), `"[]`)
		l := load(t, env(variableOf(key)+"="+value))
		if l.source[key] != "environment "+variableOf(key) || l.Redacted(key) != defaults.Redacted(key) {
			t.Errorf("%s=%s: %s is %s from %s", variableOf(key), value, key, l.Redacted(key), l.source[key])
		}
	}
}

// TestAliases: a variable of the former deployment counts, below ours, and is told
// only where it is in force.
func TestAliases(t *testing.T) {
	f := func(s Sources, want ...Alias) {
		t.Helper()
		if got := load(t, s).Aliases(); !slices.Equal(got, want) {
			t.Errorf("%+v: aliases %v, want %v", s, got, want)
		}
	}
	all := env("UVICORN_WORKERS=5", "CHANNEL_LAYER_CAPACITY=9", "CHANNEL_LAYER_GROUP_EXPIRY=3600", "REDIS_URL=redis://h:6379/1")
	f(Sources{})
	f(all, Alias{"capacity", "CHANNEL_LAYER_CAPACITY"}, Alias{"group_expiry", "CHANNEL_LAYER_GROUP_EXPIRY"}, Alias{"broker", "REDIS_URL"}, Alias{"workers", "UVICORN_WORKERS"})
	f(env("UVICORN_WORKERS="))
	f(env("TIDEGATE_WORKERS=4", "UVICORN_WORKERS=5"))
	f(env("TIDEGATE_WORKERS=4", "UVICORN_WORKERS=many"))
	f(Sources{Environ: []string{"UVICORN_WORKERS=5"}, Flags: map[string]string{"workers": "6"}})
	c := load(t, all).Config
	if c.Workers != 5 || c.Capacity != 9 || c.GroupExpiry.Seconds() != 3600 || c.Broker != "redis://h:6379/1" {
		t.Errorf("the aliases made %+v", c)
	}
	if got := refused(t, env("UVICORN_WORKERS=many")); !strings.Contains(got, `workers: "many" (environment UVICORN_WORKERS (alias)): want a whole number`) {
		t.Errorf("the error does not name the alias: %s", got)
	}
}

// TestLastVariableCounts: as for a program that a shell starts.
func TestLastVariableCounts(t *testing.T) {
	if c := load(t, env("TIDEGATE_WORKERS=4", "TIDEGATE_WORKERS=5")).Config; c.Workers != 5 {
		t.Errorf("workers is %d, want 5", c.Workers)
	}
}

// TestKubernetes: what a namespace with services called tidegate and tidegate-redis
// adds to the environment is no mistake; what a person may have meant is one.
func TestKubernetes(t *testing.T) {
	load(t, env(
		"TIDEGATE_SERVICE_HOST=10.0.0.1", "TIDEGATE_SERVICE_PORT=8000", "TIDEGATE_SERVICE_PORT_HTTP=8000",
		"TIDEGATE_PORT=tcp://10.0.0.1:8000", "TIDEGATE_PORT_8000_TCP=tcp://10.0.0.1:8000",
		"TIDEGATE_PORT_8000_TCP_PROTO=tcp", "TIDEGATE_PORT_8000_TCP_PORT=8000", "TIDEGATE_PORT_8000_TCP_ADDR=10.0.0.1",
		"TIDEGATE_REDIS_SERVICE_HOST=10.0.0.2", "TIDEGATE_REDIS_SERVICE_PORT=6379",
		"TIDEGATE_REDIS_PORT=tcp://10.0.0.2:6379", "TIDEGATE_REDIS_PORT_6379_TCP=tcp://10.0.0.2:6379",
		"TIDEGATE_REDIS_SERVER=/usr/bin/redis-server", "PATH=/bin", "TIDEGATES=1", "=C:=C:", "",
	))
	f := func(entry, want string) {
		t.Helper()
		if got := refused(t, env(entry)); !strings.Contains(got, "did you mean "+want+"?") {
			t.Errorf("%s: %s; want %s", entry, got, want)
		}
	}
	f("TIDEGATE_PORT=8000", "TIDEGATE_DEMO")
	f("TIDEGATE_WORKER=2", "TIDEGATE_WORKERS")
	f("TIDEGATE_MESSAGE_BYTES=64KiB", "TIDEGATE_LIMITS_MESSAGE_BYTES")
	f("TIDEGATE_LEVEL=debug", "TIDEGATE_LOG_LEVEL")
	f("TIDEGATE_limits_message_bytes=64KiB", "TIDEGATE_LIMITS_MESSAGE_BYTES")
}
