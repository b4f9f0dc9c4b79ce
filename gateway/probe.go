package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// newProbe is the command that asks a running gateway how it is: the container's
// health check, since its image has no other program in it.
func newProbe(stdout io.Writer) *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "probe",
		Short: "Ask the gateway at --operator whether it is alive (or, with --path /readyz, ready)",
		Args:  noArgs,
	}
	c.Flags().StringVar(&path, "path", "/healthz", "what to ask")
	c.RunE = func(c *cobra.Command, _ []string) error {
		address, err := c.Flags().GetString("operator")
		if err != nil {
			return err
		}
		if address == "" {
			address = "127.0.0.1:9000"
		}
		return probe(c.Context(), "http://"+address+path, stdout)
	}
	return c
}

// probe is an error unless url answers 200 within two seconds.
func probe(ctx context.Context, url string, stdout io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usageError{err}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return err
	}
	fmt.Fprint(stdout, string(body))
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}
