package api

import (
	"net/http"
	"strconv"

	"servery/engine/endpoint"
	"servery/engine/hardware"
)

// The machine as JSON.
type (
	wireHardware struct {
		CPU      wireCPU    `json:"cpu"`
		Memory   wireMemory `json:"memory"`
		DiskFree int64      `json:"disk_free_bytes"` // where the data folder lies
		GPUs     wireGPUs   `json:"gpus"`
	}
	wireCPU struct {
		Name    string  `json:"name"`
		Cores   int     `json:"cores"`
		Percent float64 `json:"utilization_percent"` // of all cores together
	}
	wireMemory struct {
		Used  int64 `json:"used_bytes"`
		Total int64 `json:"total_bytes"`
	}
	// wireGPUs is a hardware.GPUs with what runs on the cards.
	wireGPUs struct {
		Known      bool            `json:"known"`
		Driver     string          `json:"driver_version"`
		CUDA       string          `json:"cuda_version"`
		Cards      []wireGPU       `json:"cards"`
		None       *hardware.NoGPU `json:"none,omitempty"`
		Unmeasured string          `json:"unmeasured,omitempty"`
	}
	wireGPU struct {
		hardware.GPU
		Entities []string `json:"entities"` // that run on it, "endpoint/entity"
	}
)

func (s *Server) getHardware(w http.ResponseWriter, r *http.Request, _ values) error {
	refresh := false
	if text := r.URL.Query().Get("refresh"); text != "" {
		var err error
		if refresh, err = strconv.ParseBool(text); err != nil {
			return invalid("'refresh' is %q: give true or false.", cut(text, 40))
		}
	}
	h := s.services.Hardware()
	if refresh {
		h = s.services.RefreshHardware(r.Context())
	}
	all := s.services.Endpoints()
	g := wireGPUs{h.GPUs.Known, h.GPUs.Driver, h.GPUs.CUDA, []wireGPU{}, h.GPUs.None, h.GPUs.Unmeasured}
	for _, c := range h.GPUs.Cards {
		g.Cards = append(g.Cards, wireGPU{c, endpoint.OnGPU(all, c.Index)})
	}
	return sendJSON(w, wireHardware{
		CPU:    wireCPU{h.CPUModel, h.Cores, h.CPUPercent},
		Memory: wireMemory{h.MemoryUsed, h.MemoryTotal}, DiskFree: h.DiskFree, GPUs: g,
	})
}
