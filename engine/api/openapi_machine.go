package api

var machineOperations = []operation{
	{route: "GET /api/2.0/servery/hardware", summary: "The machine: processors, memory, disk and GPUs, or why there is no GPU; refresh looks for GPUs anew.",
		query: "refresh:bool", answer: wireHardware{}, try: "/api/2.0/servery/hardware"},
	{route: "GET /api/2.0/servery/settings", summary: "The settings of the machine, which count for all endpoints.",
		answer: wireMachine{}, try: "/api/2.0/servery/settings"},
	{route: "PATCH /api/2.0/servery/settings", summary: "Change settings of the machine, for good and at once. What is not sent stays.",
		body: "scale_to_zero_after_seconds:int timings", answer: wireMachine{}, try: "/api/2.0/servery/settings", with: `{"scale_to_zero_after_seconds":300}`},
}
