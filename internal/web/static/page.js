// The page renders on the server; this puts what arrives in its place.
const page = document.getElementById("page");
const stale = document.getElementById("stale");
const events = new EventSource("/events");
events.onmessage = (event) => { page.innerHTML = event.data; stale.hidden = true; };
events.onerror = () => { stale.hidden = false; };
