package main

import (
	"context"
	"crypto/tls"
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
	var secure bool
	c := &cobra.Command{
		Use:   "probe",
		Short: "Ask the gateway at --operator whether it is alive (or, with --path /readyz, ready)",
		Args:  noArgs,
	}
	c.Flags().StringVar(&path, "path", "/healthz", "what to ask")
	c.Flags().BoolVar(&secure, "tls", false, "speak TLS (tls.operator); whose the certificate is is not checked")
	c.RunE = func(c *cobra.Command, _ []string) error {
		address, err := c.Flags().GetString("operator")
		if err != nil {
			return err
		}
		if address == "" {
			address = "127.0.0.1:9000"
		}
		scheme := map[bool]string{false: "http://", true: "https://"}[secure]
		return probe(c.Context(), scheme+address+path, stdout)
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
	// A node asks itself, by an address that no certificate is for, and tells it nothing.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	response, err := client.Do(request)
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
