package app

import (
	"time"

	"github.com/go-gl/glfw/v3.4/glfw" // the module path that Fyne imports: it is the one that is initialised
)

// sleepUntilEvent handles the window's events, after waiting up to d for one.
func sleepUntilEvent(d time.Duration) {
	unlessGone(func() { glfw.WaitEventsTimeout(d.Seconds()) })
}

// wakeUp ends sleepUntilEvent, from any goroutine.
func wakeUp() { unlessGone(glfw.PostEmptyEvent) }

// unlessGone calls GLFW, which panics once Fyne has ended it with the last window.
func unlessGone(call func()) {
	const notInitialized glfw.ErrorCode = 0x00010001 // GLFW_NOT_INITIALIZED
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(*glfw.Error); !ok || e.Code != notInitialized {
				panic(p)
			}
		}
	}()
	call()
}
