package main

import (
	"fmt"
	"net"

	"github.com/spf13/cobra"
)

// bareCommand is `bench bare`.
func bareCommand() *cobra.Command {
	listen, join := "127.0.0.1:0", false
	c := &cobra.Command{
		Use:   "bare",
		Short: "Serves as the bare TCP writer that bench limit compares a gateway with",
		Long: `Serves a protocol of nothing but lengths and group numbers: what a client publishes is
written to each member of the group, by one thread, with one write system call a message
and member, or with --join one a turn and member. It is the limit of the machine, and no
gateway: it listens on loopback, and believes what clients say.`,
		Example: `  bench bare --join --listen 127.0.0.1:7001`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			address, err := net.ResolveTCPAddr("tcp", listen)
			if err != nil {
				return fmt.Errorf("--listen: %w", err)
			}
			if !address.IP.IsLoopback() {
				return fmt.Errorf("--listen %s: the bare server believes everybody; give it a loopback address", listen)
			}
			if err := allowFiles(0); err != nil {
				return failure{err}
			}
			ln, err := net.ListenTCP("tcp", address)
			if err != nil {
				return failure{err}
			}
			defer ln.Close()
			r, err := newRelay(ln, join)
			if err != nil {
				return failure{err}
			}
			// In the words of the gateway's log, so that scripts find both addresses alike.
			fmt.Fprintf(c.ErrOrStderr(), "msg=listening name=public address=%s join=%t\n", ln.Addr(), join)
			ended := make(chan error)
			go func() { ended <- r.run(c.Context()) }()
			if err := <-ended; err != nil {
				return failure{err}
			}
			return nil
		},
	}
	c.Flags().StringVar(&listen, "listen", listen, "loopback address to listen on; port 0 takes a free one and says which")
	c.Flags().BoolVar(&join, "join", join, "join what a turn has for a socket in one write")
	return c
}
