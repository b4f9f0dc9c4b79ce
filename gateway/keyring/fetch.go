package keyring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/gateway/auth"
)

// The bounds of a fetch. A key is some 500 bytes.
const (
	fetchTimeout = 10 * time.Second
	maxBody      = 512 << 10
	maxRedirects = 3
)

// newClient fetches over connections of its own, each for one request: there is one in
// minutes.
func newClient() *http.Client {
	return &http.Client{
		Timeout: fetchTimeout,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: fetchTimeout / 2}).DialContext,
			TLSHandshakeTimeout:    fetchTimeout / 2,
			MaxResponseHeaderBytes: 64 << 10,
			DisableKeepAlives:      true,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("it redirects too often")
			}
			if !trustworthy(r.URL) {
				return fmt.Errorf("it redirects to %s, which is not https", shown(r.URL.String()))
			}
			return nil
		},
	}
}

// trustworthy reports whether what comes from an address was changed by nobody on the
// way: https, or this machine.
func trustworthy(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

// fetch gets a key set, and how long it may be kept: 0 if the issuer does not say.
func fetch(ctx context.Context, client *http.Client, address string) (keys []auth.Key, skipped []error, keep time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, 0, err
	}
	if !trustworthy(request.URL) {
		return nil, nil, 0, errors.New("the address is not https: set auth.jwks to one that is")
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(request)
	if err != nil {
		var bad *url.Error
		if errors.As(err, &bad) {
			err = bad.Err // without the address, whose query may be nobody's business
		}
		return nil, nil, 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, nil, 0, fmt.Errorf("it answers %s", response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, nil, 0, fmt.Errorf("its answer ended early: %w", err)
	}
	if len(body) > maxBody {
		return nil, nil, 0, fmt.Errorf("its answer is larger than %d KiB", maxBody>>10)
	}
	keys, skipped, err = auth.ParseJWKS(body, shown(address))
	return keys, skipped, maxAge(response.Header.Values("Cache-Control")), err
}

// maxAge is for how long an answer may be kept (RFC 9111 section 5.2.2); 0 if it does
// not say. One that should not be kept at all is kept for a second, and so for as
// short as the caller allows.
func maxAge(lines []string) time.Duration {
	var age time.Duration
	for _, line := range lines {
		for directive := range strings.SplitSeq(strings.ToLower(line), ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			seconds, err := strconv.ParseUint(strings.Trim(value, `"`), 10, 31)
			switch {
			case name == "no-store" || name == "no-cache":
				return time.Second
			case name == "max-age" && err == nil:
				age = max(time.Duration(seconds)*time.Second, time.Second)
			}
		}
	}
	return age
}

// shown is an address as people may see it.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(an address that cannot be read)"
	}
	if u.RawQuery != "" {
		u.RawQuery = "xxxxx"
	}
	u.Fragment = ""
	return u.Redacted()
}
