package rpm

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/fuel-infra/pbuild/internal/output"
	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/store/digest"
)

// OutputDigest returns the digest of what the package installs: see OutputText.
func (p *RPM) OutputDigest() (digest.Digest, error) {
	text, err := p.OutputText()
	if err != nil {
		return digest.Digest{}, err
	}
	return digest.Of(text), nil
}

// OutputText returns the text that OutputDigest covers; package output has its
// form. A package is refused that names its files' contents by another digest than
// sha256, or that has a tag which this package does not know: it could say
// something about what is installed.
func (p *RPM) OutputText() ([]byte, error) {
	b, err := p.outputText()
	if err != nil {
		return nil, fmt.Errorf("rpm: %s: output text: %w", p.name, err)
	}
	return b, nil
}

func (p *RPM) outputText() ([]byte, error) {
	for _, f := range p.files {
		if f.Kind == tree.File && !f.Flags.Has(Ghost) && p.digestAlgo != algoSHA256 {
			return nil, fmt.Errorf("%s: its digest is of algorithm %d: want sha256 (%d)", short(f.Path), p.digestAlgo, algoSHA256)
		}
	}
	b, err := p.appendFields([]byte(output.Head))
	if err != nil {
		return nil, err
	}
	b = p.appendRelations(b)
	for _, s := range p.scripts {
		f := []string{
			"script", s.Kind, strconv.FormatUint(uint64(s.Flags), 10), strconv.FormatUint(uint64(s.Priority), 10),
			digest.Of([]byte(s.Body)).Hex(), strconv.Itoa(len(s.Interp)),
		}
		f = append(f, s.Interp...)
		for _, on := range s.On {
			f = append(f, on.String())
		}
		b = output.AppendLine(b, f...)
	}
	return p.appendFiles(b), nil
}

// appendFields appends the fields, and says which tags are not known.
func (p *RPM) appendFields(b []byte) ([]byte, error) {
	r := &reader{header: p.header}
	locales := r.texts(tagI18NTable)
	fields := make(map[string]string)
	var unknown []tag
	for t, v := range p.header {
		name, ok := installed[t]
		switch {
		case !ok && !leftOut[t] && !ofFiles[t] && !ofOthers[t]:
			unknown = append(unknown, t)
		case !ok:
		case v.kind == kindI18N:
			for i, text := range r.texts(t) {
				key := name
				switch { // a subpackage inherits group and not its languages
				case i > 0 && i < len(locales):
					key = fmt.Sprintf("%s[%s]", name, locales[i])
				case i > 0:
					key = fmt.Sprintf("%s[%d]", name, i)
				}
				fields[key] = text
			}
		case v.kind >= kindInt8 && v.kind <= kindInt64:
			fields[name] = strconv.FormatUint(r.number(t), 10)
		default:
			fields[name] = strings.Join(r.texts(t), "\n")
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return nil, fmt.Errorf("%s: not known: it could say what is installed", unknown[0])
	}
	if r.err != nil {
		return nil, r.err
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		b = output.AppendLine(b, "field", name, fields[name])
	}
	return b, nil
}

// ofOthers are the tags that lines of relations and scripts are made of.
var ofOthers = func() map[tag]bool {
	all := make(map[tag]bool)
	for _, t := range relationTags {
		all[t.name], all[t.flags], all[t.version] = true, true, true
	}
	for _, t := range scriptTags {
		all[t.body], all[t.prog], all[t.flags] = true, true, true
	}
	for _, t := range triggerTags {
		for _, one := range []tag{t.on.name, t.on.flags, t.on.version, t.body, t.prog, t.flags, t.index, t.priority} {
			all[one] = true
		}
	}
	return all
}()

func (p *RPM) appendRelations(b []byte) []byte {
	var lines []string
	for k, all := range p.relations {
		for _, rel := range all {
			if k == Requires && strings.HasPrefix(rel.Name, "rpmlib(PayloadIs") {
				continue
			}
			f := []string{"relation", string(k), rel.String()}
			if words := rel.Flags.String(); words != "" {
				f = append(f, words)
			}
			lines = append(lines, string(output.AppendLine(nil, f...)))
		}
	}
	slices.Sort(lines)
	for _, line := range slices.Compact(lines) {
		b = append(b, line...)
	}
	return b
}

func (p *RPM) appendFiles(b []byte) []byte {
	var files []byte
	for _, f := range p.files {
		mode := fmt.Sprintf("%04o", f.Mode)
		if f.Flags.Has(Ghost) {
			line := []string{"ghost", string(rune(f.Kind)), mode, f.User, f.Group, f.Path}
			if f.Kind == tree.Symlink {
				line = append(line, f.Link)
			}
			b = output.AppendLine(b, append(line, f.pairs()...)...)
			continue
		}
		line := []string{string(rune(f.Kind)), mode, "-", "-", f.User, f.Group, f.Path}
		switch f.Kind {
		case tree.File:
			line = append(line, strconv.FormatInt(f.Size, 10), f.Digest.Hex())
		case tree.Symlink, tree.HardLink:
			line = append(line, f.Link)
		case tree.CharDev, tree.BlockDev:
			line = append(line, strconv.FormatUint(uint64(f.Major), 10), strconv.FormatUint(uint64(f.Minor), 10))
		}
		files = output.AppendLine(files, append(line, f.pairs()...)...)
	}
	return append(b, files...)
}

// pairs returns what a file line ends in.
func (f File) pairs() []string {
	var all []string
	add := func(name, value string) {
		if value != "" {
			all = append(all, name, value)
		}
	}
	add("caps", f.Caps)
	add("flags", f.Flags.String())
	add("lang", f.Lang)
	if f.Verify != verifyAll {
		add("verify", strconv.FormatUint(uint64(f.Verify), 16))
	}
	return all
}

// verifyAll is what rpmbuild writes where a spec says nothing of %verify.
const verifyAll = 1<<32 - 1
