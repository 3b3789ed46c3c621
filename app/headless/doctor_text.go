package headless

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"servery/engine/hardware"
	"servery/engine/runtime/placement"
)

// print writes the findings for a person.
func (f findings) print(w io.Writer) error {
	var b strings.Builder
	built := "without CUDA"
	if f.CUDA {
		built = "with CUDA"
	}
	fmt.Fprintf(&b, "Servery %s, built %s\n\n", f.Version, built)
	line := func(name string, lines ...string) {
		for _, l := range lines {
			for _, l := range wrapped(l) {
				fmt.Fprintf(&b, "%-14s%s\n", name, l)
				name = ""
			}
		}
	}
	cores := "1 core"
	if f.Cores != 1 {
		cores = fmt.Sprintf("%d cores", f.Cores)
	}
	line("System", f.System+", "+f.Platform)
	line("Processor", f.Processor+", "+cores)
	line("Memory", fmt.Sprintf("%s, %s in use", bytesText(f.Memory.Total), bytesText(f.Memory.Used)))
	line("Data folder", f.Folder.lines()...)
	line("ONNX Runtime", f.Runtime.lines()...)
	line("GPU", gpuLines(f.GPUs)...)
	b.WriteString("\n")
	switch {
	case f.Folder.Problem != "":
		b.WriteString("What models there are is not known.\n")
	case len(f.Models) == 0:
		b.WriteString("There is no model yet. Add one with: servery models import PATH\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil || len(f.Models) == 0 {
		return err
	}
	return f.printModels(w)
}

func (f folderFindings) lines() []string {
	lines := []string{f.Path}
	switch {
	case f.Problem != "":
		lines = append(lines, "It cannot be used: "+strings.TrimSuffix(f.Problem, ".")+".")
	case !f.Exists:
		lines = append(lines, "It is not there yet: the first start makes it")
	}
	if f.Exists {
		lines = append(lines, fmt.Sprintf("%s in it, %s free on its disk", bytesText(f.Bytes), bytesText(f.Free)))
	}
	if f.Engine != "" {
		lines = append(lines, "An engine runs on it and listens on "+f.Engine)
	}
	return lines
}

func (l library) lines() []string {
	if l.Problem != "" {
		return []string{"missing: models cannot be served", l.Problem}
	}
	if l.Path == "" {
		return []string{l.Version}
	}
	return []string{l.Version + ", " + l.Path}
}

// gpuLines are a line a card, or why there is none and what to do.
func gpuLines(g hardware.GPUs) []string {
	var lines []string
	for _, c := range g.Cards {
		text := fmt.Sprintf("%d: %s, %s of memory, compute capability %s", c.Index, c.Name, placement.GiB(c.Memory), c.Capability)
		if n := c.Now; n != nil {
			text += figures(*n)
		}
		if c.Unfit != "" {
			text += "; it cannot run models: " + c.Unfit
		}
		lines = append(lines, text)
	}
	if g.CUDA != "" {
		text := "NVIDIA driver"
		if g.Driver != "" {
			text += " " + g.Driver
		}
		lines = append(lines, text+", which serves CUDA "+g.CUDA)
	}
	if g.Unmeasured != "" {
		lines = append(lines, "Nothing is measured: "+g.Unmeasured)
	}
	if !g.Known {
		return append(lines, g.Absence())
	}
	if g.None != nil {
		lines = append([]string{"none: " + g.None.Reason}, lines...)
		lines = append(lines, g.None.Advice)
	}
	return lines
}

// figures are those that the card tells: "; 3.1 GB in use, 57 % busy, 51 °C, 70 W".
func figures(n hardware.GPUFigures) string {
	var all []string
	for _, one := range []struct {
		value float64
		text  string
	}{
		{float64(n.MemoryUsed), placement.GiB(n.MemoryUsed) + " in use"},
		{n.Percent, fmt.Sprintf("%.0f %% busy", n.Percent)},
		{n.Celsius, fmt.Sprintf("%.0f °C", n.Celsius)},
		{n.Watts, fmt.Sprintf("%.0f W", n.Watts)},
	} {
		if one.value >= 0 {
			all = append(all, one.text)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "; " + strings.Join(all, ", ")
}

func (f findings) printModels(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MODEL\tVERSION\tCPU\tGPU")
	for _, m := range f.Models {
		cpu, gpu := "yes", ""
		if m.GPU != "" {
			gpu = "yes: " + m.GPU
		}
		switch {
		case m.Problem != "":
			cpu, gpu = "no: "+m.Problem, "no"
		case f.Runtime.Problem != "":
			cpu = "no: ONNX Runtime is missing"
		}
		if gpu == "" {
			gpu = "no: " + m.Reason
			if f.GPUs.None != nil {
				gpu = "no GPU on this machine"
			}
		}
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", m.Name, m.Version, cpu, gpu)
	}
	return t.Flush()
}

// bytesText writes bytes in the unit that leaves one to three digits before the point.
func bytesText(n int64) string {
	f := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if f < 999.5 {
			if unit == "B" || f >= 99.5 {
				return fmt.Sprintf("%.0f %s", f, unit)
			}
			return fmt.Sprintf("%.1f %s", f, unit)
		}
		f /= 1000
	}
	return fmt.Sprintf("%.1f TB", f)
}

// wrapped breaks a text between words into lines of 90 letters; a longer word is left whole.
func wrapped(text string) (lines []string) {
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line+" "+word) > 90 {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
