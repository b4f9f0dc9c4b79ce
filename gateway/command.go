package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tidegate/tidegate/config"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// settings are the flags that every command has which reads the configuration.
type settings struct {
	file    string
	sets    []string
	environ []string
	flags   map[string]*string // setting -> value, for the flags with a name of their own
}

// named are the settings with a flag of their own.
var named = []struct{ key, value, help string }{
	{"listen", "ADDR", "address of the public listener"},
	{"operator", "ADDR", "address of the operator listener: metrics, data plane, profiles"},
	{"broker", "URL", `"memory", or a URL: redis://, redis+sentinel://, redis+cluster://`},
	{"workers", "N", "reactor workers"},
}

// newCommand is the command line: gateway, which serves, and its subcommands. A node
// ends with the command's context, and quickly when hurry ends too.
func newCommand(hurry context.Context, environ []string, stdout, stderr io.Writer) *cobra.Command {
	s := &settings{environ: environ, flags: make(map[string]*string)}
	root := &cobra.Command{
		Use:   "gateway",
		Short: "A WebSocket gateway: holds the connections, fans out group messages, across nodes through Redis Streams",
		Example: `  gateway                                      serve on 127.0.0.1:8000, one node, no Redis
  gateway --broker redis://127.0.0.1:6379/0    serve, sharing groups with other nodes
  gateway --config tidegate.yaml --workers 4   settings from a file, and one from a flag
  gateway --set limits.message_bytes=64KiB     any setting by its name
  gateway check --config tidegate.yaml         validate and exit
  gateway config                               what is in force, and where it came from
  gateway token --user ann                     an access token for a client`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	s.register(root)
	serving := func(c *cobra.Command, _ []string) error {
		loaded, err := s.load(c)
		if err != nil {
			return err
		}
		return serve(c.Context(), hurry, loaded, stderr)
	}
	root.RunE = serving
	root.AddCommand(
		&cobra.Command{Use: "serve", Short: "Serve until SIGTERM or SIGINT (the default)", Args: noArgs, RunE: serving},
		&cobra.Command{Use: "check", Short: "Validate the settings and exit", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := s.load(c)
			if err == nil {
				err = errors.Join(checkKeys(loaded.Config), checkCertificate(loaded.Config))
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(stdout, "the settings are valid")
			return nil
		}},
		&cobra.Command{Use: "config", Short: "Print the settings in force and where each came from, secrets hidden", Args: noArgs, RunE: func(c *cobra.Command, _ []string) error {
			loaded, err := s.load(c)
			if err != nil {
				return err
			}
			return loaded.Write(stdout)
		}},
		newProbe(stdout),
		newToken(s, stdout),
	)
	return root
}

// register adds the settings' flags to a command and its subcommands.
func (s *settings) register(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&s.file, "config", "", "read settings from this YAML `FILE`; it overrides the defaults")
	for _, n := range named {
		s.flags[n.key] = f.String(n.key, "", fmt.Sprintf("%s (`%s`; setting %s)", n.help, n.value, n.key))
	}
	f.StringArrayVar(&s.sets, "set", nil, "set any setting: `KEY=VALUE`, may be repeated")
}

// load reads all layers.
func (s *settings) load(c *cobra.Command) (*config.Loaded, error) {
	flags := make(map[string]string)
	for key, value := range s.flags {
		if c.Flags().Changed(key) {
			flags[key] = *value
		}
	}
	for _, set := range s.sets {
		key, value, ok := strings.Cut(set, "=")
		if !ok {
			// Not all of it: what was meant to be the value may be a key.
			name := set[:len(set)-len(strings.TrimLeft(set, "abcdefghijklmnopqrstuvwxyz_."))]
			return nil, usageError{fmt.Errorf("--set %s: want KEY=VALUE, as in --set workers=4", name)}
		}
		flags[key] = value
	}
	loaded, err := config.Load(config.Sources{File: s.file, Environ: s.environ, Flags: flags})
	if err != nil {
		return nil, usageError{err}
	}
	return loaded, nil
}

// noArgs refuses arguments, and so misspelt commands, as wrong usage.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command or argument %q; see %s --help", args[0], c.CommandPath())}
	}
	return nil
}
