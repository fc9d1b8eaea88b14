package realize

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzReadKept: what a kept build says ran there leads to nothing outside of it.
func FuzzReadKept(f *testing.F) {
	f.Add([]byte(`{"scratch":"root2","over":["over1"],"binds":[{"Host":"build","Inside":"/build","Writable":true}],"argv":["sh"],"dir":"/build"}`))
	f.Add([]byte(`{"scratch":"../root2","binds":[{"Host":"/etc"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, keptName), text, 0o600); err != nil {
			t.Fatal(err)
		}
		program, upper, err := readKept(dir)
		if err != nil {
			return
		}
		for _, b := range program.Binds {
			upper = append(upper, b.Host)
		}
		for _, host := range upper {
			if host != dir && !strings.HasPrefix(host, dir+"/") {
				t.Errorf("leads to %s", host)
			}
		}
	})
}
