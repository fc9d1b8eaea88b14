package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/fuel-infra/pbuild/internal/fetch"
	"github.com/fuel-infra/pbuild/internal/limits"
)

// Row is one value of a configuration, for people: passwords in it are not shown.
type Row struct {
	Name   string `json:"name"`   // as errors name it: "store.path", "debian[0]"
	Value  string `json:"value"`  // "" for none
	Origin string `json:"origin"` // as in Setting
}

// Rows returns each value of the configuration, in a fixed order. The host's
// mirrors stand where no Debian mirror is set.
func (c *Config) Rows(host []fetch.Mirror) []Row {
	rows := []Row{
		{"config", c.User.Value, c.User.Origin},
		{"recipes", c.Recipes.Value, c.Recipes.Origin},
		{"store.path", c.Store.Value, c.Store.Origin},
		{"store.quota", quotaText(c.Quota.Value), c.Quota.Origin},
	}
	mirrors := c.Debian.Value
	if len(mirrors) == 0 {
		mirrors = host
	}
	for i, m := range mirrors {
		rows = append(rows, Row{fmt.Sprintf("debian[%d]", i), m.String(), m.From})
	}
	if len(mirrors) == 0 {
		rows = append(rows, Row{"debian", "", c.Debian.Origin})
	}
	for _, name := range limits.Names() {
		if text := c.Limits.Default.Text(name); text != "" {
			rows = append(rows, Row{"limits." + name, text, c.LimitsFrom[name]})
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(c.Mirrors)) {
		for i, base := range c.Mirrors[prefix].Value {
			m := fetch.Mirror{Base: base}
			rows = append(rows, Row{fmt.Sprintf("mirrors.%s[%d]", prefix, i), m.String(), c.Mirrors[prefix].Origin})
		}
	}
	return rows
}

func quotaText(n int64) string {
	if n == 0 {
		return ""
	}
	return limits.SizeText(n)
}
