// Everything that makes a page quicker. Each part finds its own elements and does nothing where there are none;
// every page works without it.
import "./theme.js";
import "./keyboard.js";
import "./lists.js";
import "./dialog.js";
import "./menu.js";
import "./palette.js";
import "./reveal.js";
import "./copy.js";
import "./toast.js";
import "./live.js";
import "./upload.js";
import "./drop.js";
