package main

import (
	"slices"
	"strings"
	"testing"
)

func TestPlanValidate(t *testing.T) {
	f := func(change func(p *Plan), want string) {
		t.Helper()
		p := defaultPlan()
		change(&p)
		err := p.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
	f(func(*Plan) {}, "")
	f(func(p *Plan) { p.URL = "ws://h/ws/chat/{group}/" }, "")
	f(func(p *Plan) { p.Operator = "http://127.0.0.1:9000/" }, "")
	f(func(p *Plan) { p.URL = "wss://h/" }, "no TLS")
	f(func(p *Plan) { p.URL = "http://h/" }, "--url")
	f(func(p *Plan) { p.URL = "ws://" }, "--url")
	f(func(p *Plan) { p.URL = "ws://h:x:y/%" }, "--url")
	f(func(p *Plan) { p.URL, p.Publishers = "ws://h/{group}", 1 }, "--publishers")
	f(func(p *Plan) { p.Operator = "127.0.0.1:9000" }, "--operator")
	f(func(p *Plan) { p.Connections = 0 }, "--connections")
	f(func(p *Plan) { p.Groups = 0 }, "--groups")
	f(func(p *Plan) { p.Groups = 1001 }, "--groups")
	f(func(p *Plan) { p.Publishers = -1 }, "--publishers")
	f(func(p *Plan) { p.Rate = -1 }, "--rate")
	f(func(p *Plan) { p.Size = payloadMin - 1 }, "--size")
	f(func(p *Plan) { p.Duration = 0 }, "--duration")
	f(func(p *Plan) { p.Drain = -1 }, "--drain")
	f(func(p *Plan) { p.Loops = 0 }, "--loops")
}

func TestPlanNames(t *testing.T) {
	f := func(change func(p *Plan), id int, address string, names ...string) {
		t.Helper()
		p := defaultPlan()
		p.URL, p.Connections, p.Groups, p.Run = "ws://h/c", 4, 2, "7"
		change(&p)
		if got := p.Address(id); got != address {
			t.Errorf("connection %d dials %s, want %s", id, got, address)
		}
		if got := p.Names(id); !slices.Equal(got, names) {
			t.Errorf("connection %d joins %q, want %q", id, got, names)
		}
	}
	f(func(*Plan) {}, 3, "ws://h/c", "bench-7-1")
	f(func(p *Plan) { p.Publishers = 1 }, 4, "ws://h/c") // a publisher joins nothing
	f(func(p *Plan) { p.URL = "ws://h/{group}/" }, 3, "ws://h/bench-7-1/")
	f(func(p *Plan) { p.Groups, p.Joins = 4, 2 }, 1, "ws://h/c", "bench-7-1", "bench-7-6", "bench-7-7")
}
