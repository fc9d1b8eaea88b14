package fetch

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// nameServer answers that any name is 127.0.0.1 (RFC 1035, section 4), from the
// query with the given number on and so much later.
func nameServer(t *testing.T, from int32, late time.Duration) (*net.Resolver, *atomic.Int32) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	queries := new(atomic.Int32)
	go func() {
		buf := make([]byte, 512)
		for {
			n, client, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if n < 12 || queries.Add(1) < from {
				continue
			}
			// One question: a name, its type, its class. What comes after is dropped.
			end := 12
			for end < n && buf[end] != 0 {
				end += 1 + int(buf[end])
			}
			end += 5
			reply := append([]byte{buf[0], buf[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}, buf[12:end]...)
			if buf[end-3] == 1 { // A
				reply[7] = 1
				reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1)
			}
			time.AfterFunc(late, func() { conn.WriteTo(reply, client) })
		}
	}()
	var mu sync.Mutex
	var open []net.Conn // the resolver waits five seconds in each, whoever has given up
	over := false
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		over = true
		for _, c := range open {
			c.Close()
		}
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return nil, net.ErrClosed
		}
		c, err := new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
		if err == nil {
			open = append(open, c)
		}
		return c, err
	}}, queries
}

// TestLostLookup: a name server that is asked anew when it says nothing.
func TestLostLookup(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	addr := "mirror.example.:" + port
	// As many as are fetched at once ask for the same name.
	t.Run("once", func(t *testing.T) {
		t.Parallel()
		resolver, _ := nameServer(t, 2*parallel+1, 0) // A and AAAA of each are lost
		begun := time.Now()
		var dials sync.WaitGroup
		for range parallel {
			dials.Go(func() {
				conn, err := connect(t.Context(), net.Dialer{Resolver: resolver}, addr, dialTimeout)
				if err != nil {
					t.Error(err)
					return
				}
				conn.Close()
			})
		}
		dials.Wait()
		if took := time.Since(begun); took < lookupTimeout || took > dialTimeout-time.Second/2 {
			t.Errorf("took %s", took)
		}
	})
	t.Run("slow", func(t *testing.T) {
		t.Parallel()
		const late = lookupTimeout * 12 / 10
		resolver, _ := nameServer(t, 1, late)
		begun := time.Now()
		conn, err := connect(t.Context(), net.Dialer{Resolver: resolver}, addr, dialTimeout)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if took := time.Since(begun); took < late || took > late+lookupTimeout/2 {
			t.Errorf("took %s", took)
		}
	})
	t.Run("always", func(t *testing.T) {
		t.Parallel()
		resolver, queries := nameServer(t, 1<<20, 0)
		begun := time.Now()
		conn, err := connect(t.Context(), net.Dialer{Resolver: resolver}, addr, dialTimeout)
		var d *DialError
		if conn != nil || !errors.As(err, &d) || len(d.Tried) != 0 || d.Refused {
			t.Fatalf("%v, %#v", conn, err)
		}
		if took := time.Since(begun); took < dialTimeout-100*time.Millisecond || took > dialTimeout+time.Second {
			t.Errorf("took %s", took)
		}
		if n := queries.Load(); n < 4 {
			t.Errorf("%d queries", n)
		}
		if !strings.Contains(err.Error(), "lookup mirror.example.: i/o timeout") {
			t.Errorf("%v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		resolver, _ := nameServer(t, 1<<20, 0)
		ctx, cancel := context.WithTimeout(t.Context(), lookupTimeout/2)
		defer cancel()
		if _, err := connect(ctx, net.Dialer{Resolver: resolver}, addr, dialTimeout); err != context.DeadlineExceeded {
			t.Errorf("%v", err)
		}
	})
}
