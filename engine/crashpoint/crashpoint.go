// Package crashpoint names the moments at which a crash is tried. A call of Here stands
// between two steps that a crash may separate. In the product it is an empty function and
// costs nothing; built with the tag crashpoints, the process kills itself where a test has
// asked for it. It stands on nothing.
package crashpoint

// Names are all points. A test of this package finds a call that is not listed, and make
// crash kills at each of them.
var Names = []string{
	"store.apply",   // a change of records, before it is in the database
	"store.applied", // and after

	"endpoint.store",         // an endpoint's record, before it is written
	"endpoint.stored",        // and after, before anybody sees it
	"endpoint.versions-kept", // the configurations that ended are stored, the endpoint is not
	"create.shown",           // a new endpoint can be seen, and does nothing yet
	"update.validated",       // a deployment, after each of its stages
	"update.loaded",
	"update.tried", // the input example has run
	"update.warmed-up",
	"update.switch",
	"update.switched", // requests are let in, the picture does not show it yet
	"update.drain",    // before the processes of the old configuration end
	"update.drained",
	"delete.erased", // an endpoint's record is gone, its history is not
	"delete.forgotten",
	"delete.stopped", // its deployment has ended, its processes run

	"import.begun",  // the version is Pending
	"import.copied", // its files are in the folder for imports under way
	"import.placed", // they are in their place, and no record says so
	"import.synced",
	"import.stored", // the version is Ready
	"version.gone",  // a version's record is gone, its files are there
	"version.aside", // they are moved aside
	"version.emptied",
}
