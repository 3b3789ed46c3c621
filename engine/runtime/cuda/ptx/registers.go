package ptx

import (
	"fmt"
	"strconv"
	"strings"
)

// definitions are the registers that s writes, and uses those that it reads.
func accesses(s Statement) (definitions, uses []string) {
	if s.Guard != "" {
		uses = append(uses, s.Guard)
	}
	first := 0
	if writes(s) && len(s.Operands) > 0 {
		first = 1
		o := s.Operands[0]
		for _, part := range append([]Operand{o}, o.Parts...) {
			if part.Kind == Register {
				definitions = append(definitions, part.Name)
			}
			if part.Second != "" {
				definitions = append(definitions, part.Second)
			}
		}
	}
	for _, o := range s.Operands[first:] {
		for _, part := range append([]Operand{o}, o.Parts...) {
			if part.Kind == Register || part.Kind == Address {
				uses = append(uses, part.Name)
			}
		}
	}
	return definitions, uses
}

// writes says whether the first operand of s is a destination.
func writes(s Statement) bool {
	switch s.Name {
	case "st", "red", "bra", "brx", "bar", "barrier", "ret", "exit", "trap", "call", "membar", "fence", "cp", "prefetch", "prefetchu", "nanosleep":
		return false
	}
	return true
}

// locals finds the registers that live in one block only: in all blocks where they occur, they are
// written, for all lanes that are there, before they are read.
func locals(f *Function, all []*block) map[string]int {
	home := map[string]int{}
	const many = -1
	for i, b := range all {
		written := map[string]bool{}
		see := func(name string, written bool) {
			if _, ok := f.Registers[name]; !ok {
				return
			}
			if at, ok := home[name]; ok && at != i || !written {
				home[name] = many
			} else {
				home[name] = i
			}
		}
		for _, s := range b.statements {
			definitions, uses := accesses(s)
			for _, name := range uses {
				see(name, written[name])
			}
			for _, name := range definitions {
				if s.Guard == "" {
					written[name] = true
				}
				see(name, written[name])
			}
		}
	}
	for name, at := range home {
		if at == many {
			delete(home, name)
		}
	}
	return home
}

// slots gives the registers that live in one block places that others take over after them, so that
// what a block works on stays in the processor's cache. It is the C++ name of each, and how many
// places of each kind there are.
func slots(f *Function, all []*block, home map[string]int) (names map[string]string, places map[string]int) {
	names, places = map[string]string{}, map[string]int{}
	for i, b := range all {
		last := map[string]int{}
		for j, s := range b.statements {
			definitions, uses := accesses(s)
			for _, r := range append(definitions, uses...) {
				last[r] = j
			}
		}
		free, taken := map[string][]int{}, map[string]int{}
		for j, s := range b.statements {
			definitions, uses := accesses(s)
			for _, r := range definitions {
				if at, local := home[r]; !local || at != i || names[r] != "" {
					continue
				}
				kind, n := slotKind(f.Registers[r]), 0
				if k := len(free[kind]); k > 0 {
					n, free[kind] = free[kind][k-1], free[kind][:k-1]
				} else {
					n = taken[kind]
					taken[kind]++
					places[kind] = max(places[kind], taken[kind])
				}
				names[r] = fmt.Sprintf("%s[%d]", kind, n)
			}
			// What ends here is free for the next instruction, not for this one's results.
			for _, r := range append(definitions, uses...) {
				if name := names[r]; name != "" && home[r] == i && last[r] == j {
					last[r] = -1
					kind, rest, _ := strings.Cut(name, "[")
					n, _ := strconv.Atoi(strings.TrimSuffix(rest, "]"))
					free[kind] = append(free[kind], n)
				}
			}
		}
	}
	return names, places
}

// slotKind is the array of places for registers of a type.
func slotKind(t string) string {
	if t == "pred" {
		return "slot1"
	}
	return fmt.Sprintf("slot%d", sizeOf(t))
}
