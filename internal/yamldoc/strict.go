package yamldoc

import (
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// strict notes each thing below n that YAML allows and these files don't.
func (d *Doc) strict(n *yaml.Node, depth int) {
	if depth > MaxDepth {
		d.note(n, "nested deeper than %d", MaxDepth)
		return
	}
	switch {
	case n.Kind == yaml.AliasNode:
		d.note(n, "alias *%s: write the value itself", n.Value)
		return
	case n.Anchor != "":
		d.note(n, "anchor &%s: write the value where it is used", n.Anchor)
		return
	case n.Style&yaml.TaggedStyle != 0:
		d.note(n, "tag %s: leave it out", n.Tag)
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		d.keys(n)
		for i := 1; i < len(n.Content); i += 2 {
			d.strict(n.Content[i], depth+1)
		}
	case yaml.SequenceNode:
		for _, c := range n.Content {
			d.strict(c, depth+1)
		}
	case yaml.ScalarNode:
		d.scalar(n)
	}
}

// keys notes keys that are no plain text and keys that stand twice.
func (d *Doc) keys(n *yaml.Node) {
	first := make(map[string]int, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.Kind != yaml.ScalarNode || k.Anchor != "" || k.Style&yaml.TaggedStyle != 0:
			d.note(k, "key: want plain text")
			continue
		case k.Tag == "!!merge":
			d.note(k, "merge key <<: write the fields themselves")
			continue
		case k.Tag != "!!str":
			d.note(k, "key %s: is %s: quote it", k.Value, kindOf(k))
			continue
		}
		d.scalar(k)
		if line, ok := first[k.Value]; ok {
			d.note(k, "duplicate key %q: first in line %d", k.Value, line)
			continue
		}
		first[k.Value] = k.Line
	}
}

func (d *Doc) scalar(n *yaml.Node) {
	if n.Tag == "!!null" {
		d.note(n, "no value: write one, or leave the field out")
		return
	}
	if i := strings.IndexFunc(n.Value, func(r rune) bool { return !printable(r) }); i >= 0 {
		d.note(n, "character %U: not printable", []rune(n.Value[i:])[0])
	}
}
