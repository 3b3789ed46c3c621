package autoscale

import (
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// traces are beside the repository: production arrivals of two Azure LLM services,
// CC-BY 4.0, Patel et al., "Splitwise: Efficient Generative LLM Inference Using Phase
// Splitting", ISCA 2024.
const traces = "../../../shared/traces"

// trace reads one of them. A request takes 20 ms and 5 ms for each token that it generates,
// and context for each that it reads.
func trace(t testing.TB, file string, context time.Duration) stream {
	path := filepath.Join(traces, file)
	f, err := os.Open(path)
	if err != nil {
		t.Fatalf("the arrival traces are not there: %v", err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	l := stream{name: strings.TrimSuffix(file, ".csv"), isTrace: true, objective: 500 * time.Millisecond}
	var first time.Time
	for i, row := range rows[1:] {
		at, err := time.Parse("2006-01-02 15:04:05.0000000", row[0])
		read, err2 := strconv.Atoi(row[1])
		written, err3 := strconv.Atoi(row[2])
		if err != nil || err2 != nil || err3 != nil {
			t.Fatalf("%s, line %d: %q", path, i+2, row)
		}
		if i == 0 {
			first = at
		}
		l.requests = append(l.requests, request{at.Sub(first), 20*time.Millisecond + time.Duration(written)*5*time.Millisecond + time.Duration(read)*context})
	}
	return l
}

func conversation(t testing.TB) stream { return trace(t, "llm_conv.csv", 0) }

func code(t testing.TB) stream { return trace(t, "llm_code.csv", 200*time.Microsecond) }

func haveTraces() bool {
	_, err := os.Stat(traces)
	return err == nil
}

// lasts is the time to the last arrival, work that for which models run, in seconds.
func (s stream) lasts() time.Duration { return s.requests[len(s.requests)-1].at }

func (s stream) work() (seconds float64) {
	for _, r := range s.requests {
		seconds += r.takes.Seconds()
	}
	return seconds
}

// until is the part of a stream before a time.
func (s stream) until(end time.Duration) stream {
	n := slices.IndexFunc(s.requests, func(r request) bool { return r.at >= end })
	if n >= 0 {
		s.requests = s.requests[:n]
	}
	return s
}

// arrivals are a Poisson stream whose rate at a time, in requests a second, never exceeds
// most; each takes 100 ms on average, with the spread of a lognormal of sigma 0.3.
func arrivals(name string, seed uint64, length time.Duration, most float64, rate func(time.Duration) float64) stream {
	random := rand.New(rand.NewPCG(seed, 1))
	l := stream{name: name, objective: 100 * time.Millisecond}
	const sigma = 0.3
	for at := 0.0; ; {
		at += random.ExpFloat64() / most
		now := time.Duration(at * float64(time.Second))
		if now >= length {
			return l
		}
		if random.Float64()*most < rate(now) {
			l.requests = append(l.requests, request{now, time.Duration(1e8 * math.Exp(sigma*random.NormFloat64()-sigma*sigma/2))})
		}
	}
}

// bursty is 2 requests at once on average with bursts of up to 40 for 5 to 60 s, every
// 100 s or so.
func bursty(seed uint64, length time.Duration) stream {
	random := rand.New(rand.NewPCG(seed, 2))
	const base, peak = 20.0, 400.0
	type burst struct {
		from, to time.Duration
		rate     float64
	}
	var bursts []burst
	for at := time.Duration(0); at < length; {
		at += time.Duration(random.ExpFloat64() * 100 * float64(time.Second))
		lasts := time.Duration((5 + 55*random.Float64()) * float64(time.Second))
		bursts = append(bursts, burst{at, at + lasts, base * math.Pow(peak/base, random.Float64())})
		at += lasts
	}
	return arrivals("bursty", seed, length, peak, func(now time.Duration) float64 {
		for len(bursts) > 0 && bursts[0].to <= now {
			bursts = bursts[1:]
		}
		if len(bursts) > 0 && bursts[0].from <= now {
			return bursts[0].rate
		}
		return base
	})
}

// diurnal is a day, or a part of one from an hour on: from 1 request at once at midnight to
// 12 at noon, with noise that lasts minutes.
func diurnal(seed uint64, from float64, length time.Duration) stream {
	random := rand.New(rand.NewPCG(seed, 3))
	noise, until := 1.0, time.Duration(0)
	return arrivals("diurnal", seed, length, 250, func(now time.Duration) float64 {
		if now >= until {
			until = now + time.Duration((20+100*random.Float64())*float64(time.Second))
			noise = math.Exp(0.2 * random.NormFloat64())
		}
		day := (1 - math.Cos(2*math.Pi*(from+now.Hours())/24)) / 2
		return min(250, noise*(10+110*day))
	})
}
