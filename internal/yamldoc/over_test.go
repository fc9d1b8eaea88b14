package yamldoc

import "testing"

// TestOver: fields of both, those of the upper mapping first; what is wrong is told
// where it stands, and once, however often the lower one is read.
func TestOver(t *testing.T) {
	doc := parse(t, "low: {a: 1, b: x, wrong: 1}\nup: {b: y, c: z}\n")
	root := doc.Root().Fields("low", "up", "absent")
	known := []string{"a", "b", "c", "d"}
	for range 2 {
		f := root.Get("up").Fields(known...).Over(root.Get("low").Fields(known...))
		for name, want := range map[string]string{"b": "y", "c": "z", "d": ""} {
			if got := f.Get(name).Text(); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		f.Need("d")
	}
	const want = "f:1:6: low.d: missing\n" + `f:1:19: low: unknown field "wrong": known are a, b, c, d`
	if err := doc.Err(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}

	doc = parse(t, "up: {b: y}\n")
	root = doc.Root().Fields("up", "absent")
	f := root.Get("up").Fields(known...).Over(root.Get("absent").Fields(known...))
	f.Need("a")
	if err := doc.Err(); err == nil || err.Error() != "f:1:5: up.a: missing" {
		t.Errorf("over what is absent: %v", err)
	}
}
