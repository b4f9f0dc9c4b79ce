package auth

import (
	"bytes"
	"fmt"
	"strings"
)

// ParseSecrets reads a file of access keys: one a line, empty lines and those that
// begin with # left out. Its errors hold nothing of the content.
func ParseSecrets(content []byte, source string) ([]Key, error) {
	if bytes.Contains(content, []byte("-----BEGIN ")) {
		return nil, fmt.Errorf("%s: it has a key in PEM, and access keys are plain text: public keys belong into auth.public_keys", source)
	}
	var keys []Key
	for i, line := range secretLines(content) {
		key, err := SecretKey(line, fmt.Sprintf("%s[%d]", source, i))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: no access key in it: want one a line, of at least %d bytes", source, minSecretBytes)
	}
	return keys, nil
}

// secretLines are the lines that count.
func secretLines(content []byte) (lines []string) {
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines
}

// firstLine is the first of them, or empty.
func firstLine(content []byte) string {
	if lines := secretLines(content); len(lines) > 0 {
		return lines[0]
	}
	return ""
}
