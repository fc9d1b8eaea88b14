package config

import (
	"github.com/fuel-infra/pbuild/internal/limits"
	"github.com/fuel-infra/pbuild/internal/yamldoc"
)

// stated is what one file says of limits, and where.
type stated struct {
	limits.Limits
	at map[string]string
}

func parseLimits(v yamldoc.Value) stated {
	s := stated{limits.Parse(v), map[string]string{}}
	for _, e := range v.Entries() {
		s.at[e.Key.Text()] = at(e.Value)
	}
	return s
}

// takeLimits notes what builds get, and for each limit of a recipe that states none
// who chose it: the collection, unless the user allows less.
func (c *Config) takeLimits(collection, user stated, ram int64) {
	c.Limits = limits.NewPolicy(collection.Limits, user.Limits, ram)
	c.LimitsFrom = map[string]string{}
	for _, name := range limits.Names() {
		had := c.Limits.Default.Text(name)
		switch {
		case had == "":
		case had == collection.Text(name):
			c.LimitsFrom[name] = collection.at[name]
		case had == user.Text(name):
			c.LimitsFrom[name] = user.at[name]
		default:
			c.LimitsFrom[name] = byDefault
		}
	}
}
