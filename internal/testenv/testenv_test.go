package testenv_test

import (
	"testing"

	"github.com/fuel-infra/pbuild/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestTools(t *testing.T) {
	t.Log(testenv.Tool(t, nil, "skopeo", "--version"))
	t.Log(testenv.Tool(t, nil, "dpkg-deb", "--version"))
	t.Log(testenv.Tool(t, nil, "zstd", "--version"))
}
func TestStore(t *testing.T) {
	t.Log(testenv.NewStore(t, "debian-12-deb"))
	t.Log(testenv.NewStore(t, "debian-12-deb"))
}
