// A stand-in for libcuda.so.1: the driver's entry points on the CPU, for tests. Device memory is
// memory of the process, a stream is a thread. It is stricter than the driver where that finds
// mistakes: memory starts as NaN, has a guard page behind it and is never used again.
#pragma once
#include <cuda.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

// Codes that the header of cu is too old for.
constexpr CUresult capture_unsupported = (CUresult)900, capture_invalidated = (CUresult)901;
constexpr CUresult capture_unmatched = (CUresult)903, capture_unjoined = (CUresult)904, capture_isolation = (CUresult)905;

// What a stream does. It gives a CUresult, which stays with the process where it is a fault.
using Command = std::function<CUresult()>;

struct CUctx_st {
	int device;
	std::vector<CUstream> streams;
	CUstream null_stream;
};

// While it is captured, streams record into it in the order of the calls: the one that began, and
// those that wait for an event of one that does.
struct CUgraph_st {
	std::vector<Command> commands;
	CUstream origin = nullptr;
	std::vector<CUstream> others;
	bool broken = false;
};
struct CUgraphExec_st { std::vector<Command> commands; };

struct CUevent_st {
	CUstream stream = nullptr;
	long ticket = 0;
	// Of a captured stream: how many of its commands were recorded before the event.
	CUgraph captured = nullptr;
	long mark = 0;
	std::atomic<double> at{-1};  // milliseconds; below zero until it has happened
};

struct CUstream_st {
	struct Wait { CUstream on; long ticket; };
	struct Entry { std::vector<Wait> waits; Command run; };

	CUstream_st(CUcontext context, unsigned flags);
	~CUstream_st();
	long push(Command run, std::vector<Wait> waits);
	void wait(long ticket);
	long submitted();
	bool idle();
	bool blocking() const { return !(flags & CU_STREAM_NON_BLOCKING); }

	CUcontext context;
	unsigned flags;
	std::vector<Wait> pending;  // for the next entry
	CUgraph capture = nullptr;
	long recorded = 0, joined = 0;  // its commands in capture, and those that another stream waits for

private:
	void loop();
	std::mutex lock;
	std::condition_variable changed;
	std::deque<Entry> queue;
	long last = 0, done = 0;
	bool stop = false;
	std::thread thread;
};

// What the environment sets, STANDIN_DEVICES and so on, and tests in the same process: see
// control.cpp.
long from_environment(const char *variable, long otherwise);
struct Settings {
	long devices = from_environment("STANDIN_DEVICES", 1), memory = from_environment("STANDIN_MEMORY", 1l << 30);
	long capability = from_environment("STANDIN_CAPABILITY", 90), version = from_environment("STANDIN_VERSION", 12080);
	long races = from_environment("STANDIN_RACES", 1);
};

struct State {
	std::mutex lock;  // of all below; streams have locks of their own
	Settings settings;
	bool initialized = false;
	std::map<std::string, long> calls;
	std::map<std::string, std::map<long, int>> faults;
	std::map<std::string, std::map<void *, size_t>> live;  // objects by kind
	std::map<int, std::pair<CUcontext, int>> primary;      // and how often it is retained
};
State &state();

// The fault that took the device from the process; CUDA_SUCCESS while it has it.
extern std::atomic<int> lost;

// Counts the call and gives the fault that the test wants of it.
CUresult injected(const char *call);
bool initialized();
// Loads the kernels that the environment names; false where it cannot.
bool load_translations();
// As Host::allocation of kernel.h.
bool allocation(uint64_t address, uint64_t *start, uint64_t *end);
CUcontext current();

void born(const char *kind, void *object, size_t size = 0);
bool dies(const char *kind, void *object);  // false where it was not alive

// Enqueues run on s (the default stream where it is null), or records it while s is captured.
CUresult enqueue(CUcontext context, CUstream s, Command run, CUevent event = nullptr);
CUresult synchronize(CUcontext context, CUstream s);
CUresult synchronize_all(CUcontext context);
bool capturing(CUcontext context);

// The first line of an entry point.
#define ENTER(call)                                         \
	do {                                                    \
		if (CUresult r_ = injected(#call)) return r_;       \
		if (!initialized()) return CUDA_ERROR_NOT_INITIALIZED; \
		if (lost) return (CUresult)lost.load();             \
	} while (0)

// The first line of one that frees: the driver reports there what went wrong before, having
// freed all the same.
#define ENTER_TO_FREE(call, free)                           \
	do {                                                    \
		CUresult r_ = injected(#call);                      \
		if (!r_ && !initialized()) r_ = CUDA_ERROR_NOT_INITIALIZED; \
		if (!r_) r_ = (CUresult)lost.load();                \
		CUresult f_ = free;                                 \
		return r_ ? r_ : f_;                                \
	} while (0)

#define CONTEXT                                             \
	CUcontext context = current();                          \
	if (!context) return CUDA_ERROR_INVALID_CONTEXT
