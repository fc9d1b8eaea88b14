package testenv_test

import (
	"testing"

	"github.com/fuel-infra/pbuild/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestTools(t *testing.T) {
	t.Log(testenv.Tool(t, nil, "skopeo", "--version"))
}
