package git

import (
	"testing"

	"github.com/fuel-infra/pbuild/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
