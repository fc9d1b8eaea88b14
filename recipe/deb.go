package recipe

import (
	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// Deb is the part of a recipe that makes Debian packages.
type Deb struct {
	Build
	Debian string // folder looked for in the recipe's folder, then in the main source; "debian" for a Dsc
}

// parseDeb reads the section, with what over, a variant's, states instead.
func parseDeb(v, over yamldoc.Value, main Source) *Deb {
	f := section(v, over, "debian")
	d := &Deb{Build: parseBuild(f, parseOutput), Debian: "debian"}
	d.at.source = v.Position()
	if folder := f.Get("debian"); folder.Present() {
		d.Debian, d.at.source = yamldoc.As(folder, parseInside), folder.Position()
		if _, ok := main.(Dsc); ok {
			folder.Errorf("a Debian source package brings its own: leave it out")
		}
	}
	return d
}
