import { render } from "preact";
import { App } from "./app.tsx";
import { listen } from "./router.ts";
import { start } from "./state/session.ts";
import "./state/theme.ts";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/parts.css";
import "./styles/picker.css";
import "./styles/plots.css";
import "./styles/builder.css";
import "./styles/segment.css";
import "./styles/views.css";
import "./styles/report.css";
import "./styles/operate.css";

listen();
render(<App />, document.getElementById("page")!);
void start();
