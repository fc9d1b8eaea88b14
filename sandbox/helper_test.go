package sandbox

// helpers are what this test binary does instead of tests, where a test needs a
// process of its own.
func helpers() map[string]func() {
	return map[string]func(){
		"parent": parentHelper,
	}
}
