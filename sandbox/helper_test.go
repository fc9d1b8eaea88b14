package sandbox

import (
	"context"
	"fmt"
	"os"
)

// helpers are what this test binary does instead of tests, where a test needs a
// process of its own.
func helpers() map[string]func() {
	return map[string]func(){
		"contained": containedHelper,
		"floor":     floorHelper,
		"inherit":   inheritHelper,
		"mounted":   mountedHelper,
		"names":     namesHelper,
		"off":       offHelper,
		"copies":    copiesHelper,
		"parent":    parentHelper,
		"poller":    pollerHelper,
		"submount":  submountHelper,
	}
}

// runHelper runs s with stages left out and prints what came of it.
func runHelper(s Spec, omit ...string) {
	s.Stdout, s.Stderr = os.Stdout, os.Stdout
	p, err := s.plan()
	if err == nil {
		p.omit = omit
		l := launch{plan: p, stdout: s.Stdout, stderr: s.Stderr, namespaces: allNamespaces}
		_, err = l.run(context.Background())
	}
	fmt.Println("result:", err)
}
