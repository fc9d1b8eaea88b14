package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// listenerKey is where a script has its listener.
type listenerKey struct{}

// listener is a server that has nothing, and counts who connects to it.
type listener struct {
	server      *httptest.Server
	connections atomic.Int64
}

// scriptListen is «listen»: from now on the only mirror, and the proxy, is a
// server that has nothing and counts connections.
func scriptListen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: listen")
	}
	l := ts.Value(listenerKey{}).(*listener)
	l.server = httptest.NewUnstartedServer(http.NotFoundHandler())
	l.server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			l.connections.Add(1)
		}
	}
	l.server.Start()
	ts.Defer(l.server.Close)
	for _, name := range mirrorVariables {
		ts.Setenv(name, "")
	}
	ts.Setenv("PBUILD_DEBIAN_MIRROR", l.server.URL+"/debian")
	ts.Setenv("http_proxy", l.server.URL)
	ts.Setenv("https_proxy", l.server.URL)
}

// scriptConnected is «[!] connected»: somebody, or nobody, has connected to the
// listener since it was last asked.
func scriptConnected(ts *testscript.TestScript, neg bool, args []string) {
	l := ts.Value(listenerKey{}).(*listener)
	if len(args) > 0 || l.server == nil {
		ts.Fatalf("usage: listen, then [!] connected")
	}
	// Connections are taken in their order, so that all earlier ones have been
	// counted when this one has an answer.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	answer, err := client.Get(l.server.URL)
	ts.Check(err)
	answer.Body.Close()
	n := l.connections.Swap(0) - 1
	if neg != (n == 0) {
		ts.Fatalf("%d connections", n)
	}
}
