package builder

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"sort"
	"strings"
)

// dpkgDB writes the database in which dpkg finds packages that were unpacked
// without it: the state that dpkg itself leaves between «unpack» and
// «configure» (dpkg(1), deb-triggers(5), and lib/dpkg of its source for the
// files that have no manual page).
type dpkgDB struct {
	root     *os.Root
	status   bytes.Buffer
	triggers map[string][]string // named trigger → lines of its file
	files    []string            // lines of triggers/File
}

const adminDir = "var/lib/dpkg"

func newDpkgDB(root *os.Root) (*dpkgDB, error) {
	for _, d := range []string{"info", "updates", "alternatives", "triggers", "parts"} {
		if err := makeDir(root, path.Join(adminDir, d)); err != nil {
			return nil, err
		}
	}
	return &dpkgDB{root: root, triggers: map[string][]string{}}, nil
}

// writeFile writes a file of exactly this mode, whatever the umask.
func writeFile(root *os.Root, name string, body []byte, mode os.FileMode) error {
	if err := root.WriteFile(name, body, mode); err != nil {
		return err
	}
	return root.Chmod(name, mode)
}

// makeDir makes a directory of mode 0755, whatever the umask, and those above it,
// which are packages' own and get their modes from these.
func makeDir(root *os.Root, name string) error {
	if err := root.MkdirAll(name, 0o755); err != nil {
		return err
	}
	return root.Chmod(name, 0o755)
}

// infoName is the stem of a package's files in info/: packages of which several
// architectures can be installed at once carry theirs in the name.
func infoName(p *unpacked) string {
	if p.multiArchSame {
		return p.name + ":" + p.arch
	}
	return p.name
}

// add records p, whose files are in place, as «install ok unpacked».
func (db *dpkgDB) add(p *unpacked) error {
	stem := path.Join(adminDir, "info", infoName(p))
	for name, body := range p.scripts {
		if name == "control" {
			continue
		}
		if err := writeFile(db.root, stem+"."+name, body, scriptMode(name)); err != nil {
			return err
		}
	}
	if err := writeFile(db.root, stem+".list", p.list(), 0o644); err != nil {
		return err
	}
	if err := db.interests(p); err != nil {
		return err
	}
	for _, f := range p.control {
		fmt.Fprintf(&db.status, "%s: %s\n", f.Name, f.Value)
		if f.Name == "Package" {
			db.status.WriteString("Status: install ok unpacked\n")
		}
	}
	if len(p.conffiles) > 0 {
		db.status.WriteString("Conffiles:\n")
		for _, c := range p.conffiles {
			fmt.Fprintf(&db.status, " /%s newconffile\n", c)
		}
	}
	db.status.WriteByte('\n')
	return nil
}

func scriptMode(name string) os.FileMode {
	switch name {
	case "preinst", "postinst", "prerm", "postrm", "config":
		return 0o755
	}
	return 0o644
}

// interests notes the triggers that p waits for (deb-triggers(5)).
func (db *dpkgDB) interests(p *unpacked) error {
	for line := range strings.Lines(string(p.scripts["triggers"])) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if len(words) != 2 {
			return fmt.Errorf("%s: triggers: %q: want a directive and a trigger", p.name, line)
		}
		suffix := ""
		switch words[0] {
		case "interest", "interest-await":
		case "interest-noawait":
			suffix = "/noawait"
		default:
			continue // activate…: dpkg reads it from info/ when it is due
		}
		if trigger := words[1]; strings.HasPrefix(trigger, "/") {
			db.files = append(db.files, trigger+" "+infoName(p)+suffix)
		} else {
			db.triggers[trigger] = append(db.triggers[trigger], infoName(p)+suffix)
		}
	}
	return nil
}

// write puts down what is not a package's own.
func (db *dpkgDB) write() error {
	lines := func(l []string) []byte {
		if len(l) == 0 {
			return nil
		}
		return []byte(strings.Join(l, "\n") + "\n")
	}
	files := map[string][]byte{
		"status":            db.status.Bytes(),
		"available":         nil,
		"diversions":        nil,
		"statoverride":      nil,
		"info/format":       []byte("1\n"),
		"triggers/File":     lines(db.files),
		"triggers/Unincorp": nil,
		"triggers/Lock":     nil,
	}
	for name, l := range db.triggers {
		files["triggers/"+name] = lines(l)
	}
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := writeFile(db.root, path.Join(adminDir, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}
