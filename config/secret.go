package config

import (
	"net/url"
	"regexp"
	"strings"
)

// fileReference is what a secret begins with that stands in a file.
const fileReference = "file:"

// validAccessKey is a key itself, or where some are.
func validAccessKey(s string) bool {
	path, isFile := strings.CutPrefix(s, fileReference)
	return isFile && path != "" || !isFile && len(s) >= 16
}

// role is what the client protocol has.
var role = regexp.MustCompile(`^webpubsub\.(joinLeaveGroup|sendToGroup)($|\..|s\..)`)

func validRole(s string) bool { return role.MatchString(s) }

// keySetURL is an address that is safe to take keys from, or none: what comes over plain
// HTTP anybody on the way may have changed. A user in it is refused, since the address is logged.
func keySetURL() rule {
	r := text(`an address such as https://issuer.example/.well-known/jwks.json, without a user in it, http on loopback only, or "" for none`, func(s string) bool {
		u, err := url.Parse(s)
		if s == "" || err != nil || u.Hostname() == "" || u.User != nil {
			return s == ""
		}
		return u.Scheme == "https" || u.Scheme == "http" && loopbackHost(u.Hostname())
	})
	r.show, r.hide = hidePassword, hidePassword
	return r
}
