package builder

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/fuel-infra/pbuild/internal/tree"
	"github.com/fuel-infra/pbuild/recipe"
	"github.com/fuel-infra/pbuild/store/digest"
)

// generated returns the entries of a layer that are not as a package brings
// them: what maintainer scripts and dpkg wrote. All else follows from the
// packages' sha256, so this is what can differ between two makers, and what
// NAME.files lists for review.
func (l *made) generated() tree.Ledger {
	var out tree.Ledger
	for _, e := range l.ledger {
		p, ok := l.packaged[e.Path]
		if ok && same(p, e) {
			continue
		}
		e.MTime = 0
		out = append(out, e)
	}
	return out
}

// same reports whether the layer has e as the package brings it. Times are
// left out: the layer's are clamped.
func same(p, e tree.Entry) bool {
	linked := (p.Kind == tree.File || p.Kind == tree.HardLink) && (e.Kind == tree.File || e.Kind == tree.HardLink)
	switch {
	case linked && (p.Kind == tree.HardLink || e.Kind == tree.HardLink):
		return true // which of several names carries the bytes is told by their order
	case p.Kind != e.Kind || p.UID != e.UID || p.GID != e.GID:
		return false
	case p.Kind == tree.Symlink:
		return p.Link == e.Link
	}
	return p.Mode == e.Mode && p.Digest == e.Digest
}

// generatedText is NAME.files: a ledger, so that it can be compared by path.
func (l *made) generatedText() []byte {
	var b bytes.Buffer
	l.generated().WriteTo(&b) // a bytes.Buffer takes everything
	return b.Bytes()
}

// MismatchError says that an image came out otherwise than its lock says. Paths
// has a line for each difference in what configuring wrote, "PATH: what"; it is
// empty where the lock has no list of files or where the base differs.
type MismatchError struct {
	Want, Got digest.Digest
	Paths     []string
}

func (e *MismatchError) Error() string {
	const shown = 20
	s := fmt.Sprintf("image is %s, the lock says %s", e.Got.Short(), e.Want.Short())
	if len(e.Paths) == 0 {
		return s
	}
	list := e.Paths
	if len(list) > shown {
		list = append(list[:shown:shown], fmt.Sprintf("and %d more", len(e.Paths)-shown))
	}
	return s + ": " + fmt.Sprint(len(e.Paths)) + " paths differ:\n  " + strings.Join(list, "\n  ")
}

func (m *Maker) mismatch(b *recipe.Builder, l *made) error {
	err := &MismatchError{Want: b.Lock.Builder, Got: l.digest}
	text, readErr := m.Recipes.Files(b)
	if readErr != nil {
		return fmt.Errorf("%w (no list to compare with: %v)", err, readErr)
	}
	want, readErr := tree.ReadLedger(bytes.NewReader(text))
	if readErr != nil {
		return fmt.Errorf("%w (%s.files: %v)", err, b.Name, readErr)
	}
	err.Paths = tree.Diff(want, l.generated())
	return err
}
