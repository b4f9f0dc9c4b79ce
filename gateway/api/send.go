package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/tidegate/tidegate/broker"
	"github.com/tidegate/tidegate/gateway/server"
)

// metadataHeader is what the names of headers begin with that become metadata.
const metadataHeader = "X-Webpubsub-Metadata-"

// servePost is POST /api/hubs/{hub}/:send, to every connection of the hub, and
// /api/hubs/{hub}/groups/{group}/:send; and :closeConnections of both.
func (c Config) servePost(w http.ResponseWriter, r *http.Request) {
	switch r.PathValue("operation") {
	case ":send":
		c.serveSend(w, r)
	case ":closeConnections":
		c.serveClose(w, r)
	default:
		fail(w, http.StatusNotFound, "NotFound", "the data plane has no such operation; it has :send and :closeConnections")
	}
}

// serveSend publishes the request's body and answers 202 once the stream has it,
// with the position.
func (c Config) serveSend(w http.ResponseWriter, r *http.Request) {
	if !c.authorize(w, r) {
		return
	}
	o, ok := c.readOutgoing(w, r)
	if !ok {
		return
	}
	o.Hub, o.Group = strings.ToLower(r.PathValue("hub")), r.PathValue("group")
	at, err := c.Gateway.Send(r.Context(), o)
	if err != nil {
		failSend(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_ = json.NewEncoder(w).Encode(map[string]string{"position": at.String()})
}

// readOutgoing reads the message from the request, or answers what is wrong.
func (c Config) readOutgoing(w http.ResponseWriter, r *http.Request) (o server.Outgoing, ok bool) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case err == nil && media == "application/json":
		o.Type = broker.JSON
	case err == nil && media == "text/plain":
		o.Type = broker.Text
	case err == nil && media == "application/octet-stream":
		o.Type = broker.Binary
	default:
		fail(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", "Content-Type must be application/json, text/plain or application/octet-stream")
		return o, false
	}
	o.Data, err = io.ReadAll(http.MaxBytesReader(w, r.Body, c.BodyBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		c.tooLarge().Inc()
		fail(w, http.StatusRequestEntityTooLarge, "TooLarge", "the body is larger than limits.body_bytes allows")
		return o, false
	case err != nil:
		fail(w, http.StatusBadRequest, "BadRequest", "the body could not be read: "+err.Error())
		return o, false
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // or it would end the wait for the broker
	if text := checkData(o.Type, o.Data); text != "" {
		fail(w, http.StatusBadRequest, "BadRequest", text)
		return o, false
	}
	query := r.URL.Query()
	if len(query["excluded"]) > 1 || query.Has("filter") {
		fail(w, http.StatusBadRequest, "BadRequest", "filter, and more than one excluded, are not supported yet: send to a group of those who are to get it")
		return o, false
	}
	o.Exclude = query.Get("excluded")
	o.Meta = metadata(r.Header)
	return o, true
}

// tooLarge counts bodies beyond the limit.
func (c Config) tooLarge() *metrics.Counter {
	return c.Metrics.GetOrCreateCounter(`app_errors_total{reason="body_limit"}`)
}

// metadata is the metadata headers as a JSON object of strings; empty without any.
func metadata(h http.Header) string {
	m := make(map[string]string)
	for name, values := range h {
		if key, ok := strings.CutPrefix(name, metadataHeader); ok && key != "" {
			m[strings.ToLower(key)] = values[0]
		}
	}
	if len(m) == 0 {
		return ""
	}
	b, _ := json.Marshal(m) // a map of strings always marshals
	return string(b)
}
