// One process, one test after the other: they share the people of the demo data.

import "./setup";
import "./plain";
import "./cookies";
import "./notifications";
import "./lists";
import "./apollo";
import "./urql";
import "./relay";
