// Streams, events, capture and graphs.
#include "standin.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <chrono>

// A command that touches memory that is not there must end as on a device, not end the process.
static thread_local sigjmp_buf *on_fault;
static struct sigaction before;

static void caught(int sig, siginfo_t *info, void *ucontext) {
	if (on_fault) siglongjmp(*on_fault, 1);
	if (before.sa_flags & SA_SIGINFO) return before.sa_sigaction(sig, info, ucontext);
	signal(sig, SIG_DFL);
	raise(sig);
}

static CUresult guarded(const Command &run) {
	sigjmp_buf here;
	if (sigsetjmp(here, 1)) {
		on_fault = nullptr;
		return CUDA_ERROR_ILLEGAL_ADDRESS;
	}
	on_fault = &here;
	CUresult r = run();
	on_fault = nullptr;
	return r;
}

CUstream_st::CUstream_st(CUcontext context, unsigned flags) : context(context), flags(flags) {
	static std::once_flag once;
	std::call_once(once, [] {
		struct sigaction a;
		memset(&a, 0, sizeof a);
		a.sa_sigaction = caught;
		a.sa_flags = SA_SIGINFO | SA_ONSTACK;
		sigaction(SIGSEGV, &a, &before);
	});
	thread = std::thread([this] { loop(); });
}

// No stream records into g any more.
static void leave_capture(CUgraph g) {
	g->origin->capture = nullptr;
	for (CUstream o : g->others) o->capture = nullptr;
	g->others.clear();
}

CUstream_st::~CUstream_st() {
	{
		std::lock_guard<std::mutex> hold(lock);
		stop = true;
		changed.notify_all();
	}
	thread.join();
	if (!capture) return;
	CUgraph g = capture;
	if (g->origin == this) {
		leave_capture(g);
		delete g;
	} else {
		g->broken = true;
		g->others.erase(std::remove(g->others.begin(), g->others.end(), this), g->others.end());
	}
}

void CUstream_st::loop() {
	for (;;) {
		Entry e;
		{
			std::unique_lock<std::mutex> hold(lock);
			changed.wait(hold, [&] { return stop || !queue.empty(); });
			if (queue.empty()) return;
			e = std::move(queue.front());
			queue.pop_front();
		}
		for (auto &w : e.waits) w.on->wait(w.ticket);
		if (!lost) {
			CUresult r = guarded(e.run);
			if (r) lost = r;
		}
		std::lock_guard<std::mutex> hold(lock);
		done++;
		changed.notify_all();
	}
}

long CUstream_st::push(Command run, std::vector<Wait> waits) {
	std::lock_guard<std::mutex> hold(lock);
	waits.insert(waits.end(), pending.begin(), pending.end());
	pending.clear();
	queue.push_back({std::move(waits), std::move(run)});
	changed.notify_all();
	return ++last;
}

void CUstream_st::wait(long ticket) {
	std::unique_lock<std::mutex> hold(lock);
	changed.wait(hold, [&] { return done >= ticket; });
}

long CUstream_st::submitted() {
	std::lock_guard<std::mutex> hold(lock);
	return last;
}

bool CUstream_st::idle() {
	std::lock_guard<std::mutex> hold(lock);
	return done == last;
}

static std::vector<CUstream> streams_of(CUcontext context) {
	std::lock_guard<std::mutex> hold(state().lock);
	return context->streams;
}

CUresult enqueue(CUcontext context, CUstream s, Command run, CUevent event) {
	if (!s) s = context->null_stream;
	if (s->capture) {
		if (s->capture->broken) return capture_invalidated;
		s->capture->commands.push_back(std::move(run));
		s->recorded++;
		if (event) event->stream = s, event->captured = s->capture, event->mark = s->recorded;
		return CUDA_SUCCESS;
	}
	// The default stream and the streams that block wait for each other.
	std::vector<CUstream_st::Wait> waits;
	if (s == context->null_stream) {
		for (CUstream o : streams_of(context))
			if (o->blocking()) waits.push_back({o, o->submitted()});
	} else if (s->blocking()) {
		waits.push_back({context->null_stream, context->null_stream->submitted()});
	}
	long ticket = s->push(std::move(run), std::move(waits));
	if (event) event->stream = s, event->ticket = ticket, event->captured = nullptr;
	return CUDA_SUCCESS;
}

CUresult synchronize(CUcontext context, CUstream s) {
	if (!s) s = context->null_stream;
	if (s->capture) {
		s->capture->broken = true;
		return capture_unsupported;
	}
	s->wait(s->submitted());
	return (CUresult)lost.load();
}

CUresult synchronize_all(CUcontext context) {
	for (CUstream s : streams_of(context))
		if (CUresult r = synchronize(context, s)) return r;
	return synchronize(context, nullptr);
}

bool capturing(CUcontext context) {
	bool any = false;
	for (CUstream s : streams_of(context))
		if (s->capture) any = s->capture->broken = true;
	return any;
}

API CUresult cuStreamCreate(CUstream *s, unsigned flags) {
	ENTER(cuStreamCreate);
	CONTEXT;
	*s = new CUstream_st(context, flags);
	born("stream", *s);
	std::lock_guard<std::mutex> hold(state().lock);
	context->streams.push_back(*s);
	return CUDA_SUCCESS;
}

static CUresult destroy(CUstream s) {
	if (!dies("stream", s)) return CUDA_ERROR_INVALID_HANDLE;
	{
		std::lock_guard<std::mutex> hold(state().lock);
		auto &all = s->context->streams;
		all.erase(std::remove(all.begin(), all.end(), s), all.end());
	}
	delete s;  // after what is enqueued
	return CUDA_SUCCESS;
}

API CUresult cuStreamDestroy_v2(CUstream s) { ENTER_TO_FREE(cuStreamDestroy_v2, destroy(s)); }

API CUresult cuStreamSynchronize(CUstream s) {
	ENTER(cuStreamSynchronize);
	CONTEXT;
	return synchronize(context, s);
}

API CUresult cuStreamQuery(CUstream s) {
	ENTER(cuStreamQuery);
	CONTEXT;
	return (s ? s : context->null_stream)->idle() ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

// s waits for an event of a stream that is captured, and is captured with it from now on.
static CUresult wait_captured(CUcontext context, CUstream s, CUevent e) {
	CUgraph g = e->captured;
	if (s == context->null_stream || (s->capture && s->capture != g)) {
		g->broken = true;
		if (s->capture) s->capture->broken = true;
		return capture_isolation;
	}
	if (!s->capture) {
		s->capture = g;
		s->recorded = s->joined = 0;
		g->others.push_back(s);
	}
	if (s != e->stream) e->stream->joined = std::max(e->stream->joined, e->mark);
	return CUDA_SUCCESS;
}

API CUresult cuStreamWaitEvent(CUstream s, CUevent e, unsigned) {
	ENTER(cuStreamWaitEvent);
	CONTEXT;
	if (!s) s = context->null_stream;
	if (e->captured && e->stream->capture == e->captured) return wait_captured(context, s, e);
	if (s->capture) {
		s->capture->broken = true;
		return capture_isolation;
	}
	if (e->captured) return CUDA_SUCCESS;  // of a capture that has ended
	if (e->stream) s->pending.push_back({e->stream, e->ticket});
	return CUDA_SUCCESS;
}

API CUresult cuEventCreate(CUevent *e, unsigned) {
	ENTER(cuEventCreate);
	CONTEXT;
	*e = new CUevent_st;
	born("event", *e);
	return CUDA_SUCCESS;
}

static CUresult destroy(CUevent e) {
	if (!dies("event", e)) return CUDA_ERROR_INVALID_HANDLE;
	// A stream may still have to record it: the few bytes stay.
	return CUDA_SUCCESS;
}

API CUresult cuEventDestroy_v2(CUevent e) { ENTER_TO_FREE(cuEventDestroy_v2, destroy(e)); }

API CUresult cuEventRecord(CUevent e, CUstream s) {
	ENTER(cuEventRecord);
	CONTEXT;
	e->at = -1;
	return enqueue(context, s, [e] {
		auto now = std::chrono::steady_clock::now().time_since_epoch();
		e->at = std::chrono::duration<double, std::milli>(now).count();
		return CUDA_SUCCESS;
	}, e);
}

API CUresult cuEventSynchronize(CUevent e) {
	ENTER(cuEventSynchronize);
	CONTEXT;
	if (e->stream) e->stream->wait(e->ticket);
	return (CUresult)lost.load();
}

API CUresult cuEventElapsedTime(float *ms, CUevent start, CUevent end) {
	ENTER(cuEventElapsedTime);
	if (start->at < 0 || end->at < 0) return CUDA_ERROR_NOT_READY;
	*ms = (float)(end->at - start->at);
	return CUDA_SUCCESS;
}

API CUresult cuStreamBeginCapture_v2(CUstream s, CUstreamCaptureMode) {
	ENTER(cuStreamBeginCapture_v2);
	CONTEXT;
	if (!s) return capture_unsupported;
	if (s->capture) return CUDA_ERROR_INVALID_VALUE;
	s->capture = new CUgraph_st;
	s->capture->origin = s;
	return CUDA_SUCCESS;
}

static CUresult end_capture(CUstream s, CUgraph *g, bool fails) {
	if (!s->capture) return CUDA_ERROR_INVALID_VALUE;
	if (s->capture->origin != s) {
		s->capture->broken = true;
		return capture_unmatched;
	}
	*g = s->capture;
	bool unjoined = false;
	for (CUstream o : (*g)->others) unjoined |= o->recorded > o->joined;
	leave_capture(*g);
	if ((*g)->broken || fails || unjoined) {
		bool broken = (*g)->broken || fails;
		delete *g;
		*g = nullptr;
		return broken ? capture_invalidated : capture_unjoined;
	}
	born("graph", *g);
	return CUDA_SUCCESS;
}

API CUresult cuStreamEndCapture(CUstream s, CUgraph *g) {
	CUresult r = injected("cuStreamEndCapture");
	if (!r) r = (CUresult)lost.load();
	CUresult end = end_capture(s, g, r != CUDA_SUCCESS);
	return r ? r : end;
}

API CUresult cuGraphInstantiateWithFlags(CUgraphExec *x, CUgraph g, unsigned long long) {
	ENTER(cuGraphInstantiateWithFlags);
	*x = new CUgraphExec_st{g->commands};
	born("executable graph", *x);
	return CUDA_SUCCESS;
}

API CUresult cuGraphLaunch(CUgraphExec x, CUstream s) {
	ENTER(cuGraphLaunch);
	CONTEXT;
	return enqueue(context, s, [commands = x->commands] {
		for (auto &c : commands)
			if (CUresult r = c()) return r;
		return CUDA_SUCCESS;
	});
}

static CUresult destroy(CUgraph g) {
	if (!dies("graph", g)) return CUDA_ERROR_INVALID_HANDLE;
	delete g;
	return CUDA_SUCCESS;
}

static CUresult destroy(CUgraphExec x) {
	if (!dies("executable graph", x)) return CUDA_ERROR_INVALID_HANDLE;
	delete x;
	return CUDA_SUCCESS;
}

API CUresult cuGraphDestroy(CUgraph g) { ENTER_TO_FREE(cuGraphDestroy, destroy(g)); }
API CUresult cuGraphExecDestroy(CUgraphExec x) { ENTER_TO_FREE(cuGraphExecDestroy, destroy(x)); }
