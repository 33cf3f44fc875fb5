import { createDutyline, createSession } from "@dutyline/client";
import { AppRegistry } from "react-native";

import { App } from "./App";
import { loadSettings } from "./settings";

const { api, issuer, audience, clientId } = await loadSettings();
const { origin } = window.location;
const session = createSession({ issuer, audience, clientId, redirectUri: `${origin}/callback`, signedOutUri: `${origin}/` });
const dutyline = createDutyline({ baseUrl: api, tokens: session });

AppRegistry.registerComponent("Dutyline", () => () => <App session={session} dutyline={dutyline} />);
AppRegistry.runApplication("Dutyline", { rootTag: document.getElementById("root") });
