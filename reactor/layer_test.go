package reactor

import (
	"net"
	"testing"

	"github.com/gobwas/ws"
)

// layer is one over another connection, with an address of its own.
type layer struct {
	net.Conn
	address net.Addr
	unread  []byte
}

func (l layer) RemoteAddr() net.Addr      { return l.address }
func (l layer) Under() (net.Conn, []byte) { return l.Conn, l.unread }

// TestAdoptLayers: what the layers have read is heard in its order, and the address is
// that of the outermost.
func TestAdoptLayers(t *testing.T) {
	r := start(t, Config{Workers: 1})
	server, client := pair(t)
	defer client.Close()
	all := join(frame(ws.OpText, "first"), frame(ws.OpText, "second"))
	send(t, client, all[9:])
	inner := layer{server, server.RemoteAddr(), all[6:9]}
	outer := layer{inner, &net.TCPAddr{IP: net.ParseIP("2003::7"), Port: 4711}, all[3:6]}
	h := newPeer(echo)
	if err := r.Adopt(outer, all[:3:3], h, false); err != nil {
		t.Fatal(err)
	}
	expect(t, client, join(answer(ws.OpText, "first"), answer(ws.OpText, "second")))
	if got := within(t, "Open", h.conn).RemoteAddr().String(); got != "[2003::7]:4711" {
		t.Errorf("the address is %s", got)
	}
}
