package shell

import (
	"fyne.io/fyne/v2"

	"servery/engine/telemetry"
)

// The pages.
const (
	PageServing  = "serving"
	PageCreate   = "create"
	PageEndpoint = "endpoint"
	PageEdit     = "edit"
	PageQuery    = "query"
	PageModels   = "models"
)

// Route says where to go: a page, what it shows, and a detail of it.
type Route struct{ Page, Name, Arg string }

// ServingRoute is the list of endpoints.
func ServingRoute() Route { return Route{Page: PageServing} }

// CreateRoute is the form for a new endpoint, with a model version chosen where they are
// not "".
func CreateRoute(model, version string) Route {
	return Route{Page: PageCreate, Name: model, Arg: version}
}

// EndpointRoute is an endpoint.
func EndpointRoute(name string) Route { return Route{Page: PageEndpoint, Name: name} }

// EndpointTabRoute is a tab of an endpoint.
func EndpointTabRoute(name, tab string) Route {
	return Route{Page: PageEndpoint, Name: name, Arg: tab}
}

// EditRoute is the form that changes an endpoint's configuration.
func EditRoute(name string) Route { return Route{Page: PageEdit, Name: name} }

// QueryRoute is where requests are sent to an endpoint.
func QueryRoute(name string) Route { return Route{Page: PageQuery, Name: name} }

// ModelsRoute is the list of models.
func ModelsRoute() Route { return Route{Page: PageModels} }

// ModelRoute is a model of the list.
func ModelRoute(fullName string) Route { return Route{Page: PageModels, Name: fullName} }

// root is the page of the sidebar that a page belongs to.
func (r Route) root() string {
	if r.Page == PageModels {
		return PageModels
	}
	return PageServing
}

// Navigator moves between pages.
type Navigator interface {
	// Go opens a page on top of the current one, or goes back to it where it is open.
	Go(r Route)
	// Back closes the current page.
	Back()
}

// Crumb is a part of the way to a page; without a Route it is no link.
type Crumb struct {
	Title string
	Route Route
}

// Page is a page of the window.
type Page interface {
	Breadcrumb() []Crumb
	// Content is the page, the same object each time.
	Content() fyne.CanvasObject
	// Refresh reads again what the changes name, or everything for nil. It is called
	// while the page is shown, and with nil just before Shown.
	Refresh(changes []telemetry.Change)
	Shown()
	Hidden()
}

// Leaver is a page that may hold unsaved work.
type Leaver interface {
	// MayLeave gives the question to ask before the page closes, "" for none.
	MayLeave() (question string)
}

// Dropper is a page that takes files dropped on the window.
type Dropper interface{ Dropped(paths []string) }

// Router is a page that can show another route of the same page without being made anew;
// it tells whether it did.
type Router interface{ SetRoute(r Route) bool }

// Factory makes a page.
type Factory func(h Host, r Route) Page
