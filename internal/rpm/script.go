package rpm

import "strings"

// Script is a program that rpm runs when the package, or one that it waits for,
// comes or goes.
type Script struct {
	Kind     string   // "pre", "posttrans", … as in spec files; "triggerin", "filetriggerpostun", "transfiletriggerun", …
	Interp   []string // program and arguments; "<lua>" is rpm's own
	Body     string   // "" where the program alone is run
	Flags    uint32   // 1 expand macros, 2 query format, 4 critical (rpm's lib/rpmscript.h)
	On       []Relation
	Priority uint32 // of file triggers
}

var scriptTags = []struct {
	kind              string
	body, prog, flags tag
}{
	{"pretrans", 1151, 1153, 5024},
	{"pre", 1023, 1085, 5020},
	{"post", 1024, 1086, 5021},
	{"preun", 1025, 1087, 5022},
	{"postun", 1026, 1088, 5023},
	{"posttrans", 1152, 1154, 5025},
	{"verifyscript", 1079, 1091, 5026},
}

var triggerTags = []struct {
	prefix                             string
	on                                 tags3
	body, prog, flags, index, priority tag
}{
	{"trigger", tags3{1066, 1068, 1067}, 1065, 1092, 5027, 1069, 0},
	{"filetrigger", tags3{5069, 5072, 5071}, 5066, 5067, 5068, 5070, 5084},
	{"transfiletrigger", tags3{5079, 5082, 5081}, 5076, 5077, 5078, 5080, 5085},
}

var triggerKinds = map[Sense]string{
	senseTriggerPreIn: "prein", senseTriggerIn: "in", senseTriggerUn: "un", senseTriggerPostUn: "postun",
}

func (p *RPM) readScripts(r *reader) {
	for _, t := range scriptTags {
		if !r.has(t.body) && !r.has(t.prog) {
			continue
		}
		s := Script{Kind: t.kind, Interp: r.texts(t.prog), Body: r.text(t.body)}
		if s.Interp == nil {
			s.Interp = []string{"/bin/sh"}
		}
		if r.has(t.flags) {
			s.Flags = r.flags(1, t.flags)[0]
		}
		p.scripts = append(p.scripts, s)
	}
	for _, t := range triggerTags {
		bodies := r.texts(t.body)
		n := len(bodies)
		progs, flags, priorities := r.textsOf(n, t.prog), r.flags(n, t.flags), r.flags(n, t.priority)
		all := make([]Script, n)
		for i := range all {
			all[i] = Script{Interp: strings.Fields(progs[i]), Body: bodies[i], Flags: flags[i], Priority: priorities[i]}
		}
		on := readRelations(r, t.on)
		for i, of := range r.flags(len(on), t.index) {
			if int64(of) >= int64(n) {
				r.fail(t.index, "script %d of %d", of, n)
				return
			}
			s := &all[of]
			kind := t.prefix + triggerKinds[on[i].Flags&(senseTriggerPreIn|senseTriggerIn|senseTriggerUn|senseTriggerPostUn)]
			if kind == t.prefix || s.Kind != "" && s.Kind != kind {
				r.fail(t.on.flags, "%s: no trigger of one kind", on[i].Flags)
				return
			}
			s.Kind = kind
			s.On = append(s.On, on[i])
		}
		for i := range all {
			if all[i].Kind == "" {
				r.fail(t.index, "nothing sets off script %d", i)
				return
			}
		}
		p.scripts = append(p.scripts, all...)
	}
}
