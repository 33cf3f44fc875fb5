import { type Dutyline, isProblem, type Session } from "@dutyline/client";
import { useEffect, useState } from "react";
import { StyleSheet, View } from "react-native";

import { Button, Loading, Notice } from "./components/controls";
import { Navigation, Person, type ScreenName } from "./components/Navigation";
import { loadWorkplace, type Workplace } from "./data";
import { finishRoute, parseRoute, type Route, takeRoute } from "./route";
import { describeError } from "./messages";
import { MissedCalls } from "./screens/MissedCalls";
import { Settings } from "./screens/Settings";
import { SignIn } from "./screens/SignIn";
import { Team } from "./screens/Team";
import { Voicemail } from "./screens/Voicemail";
import { Week } from "./screens/Week";
import { useColors, useIsWide } from "./theme";

type State =
  | { name: "starting" }
  | { name: "signed out"; error?: unknown }
  | { name: "failed"; error: unknown }
  | { name: "signed in"; workplace: Workplace };

export function App({ session, dutyline }: { session: Session; dutyline: Dutyline }) {
  const [state, setState] = useState<State>({ name: "starting" });
  const start = () => {
    setState({ name: "starting" });
    void begin(session, dutyline).then(setState);
  };
  useEffect(start, []);

  const signOut = async () => {
    setState({ name: "starting" });
    await session.signOut().catch(() => setState({ name: "signed out" }));  // offline: forgotten here all the same
  };

  return (
    <View style={[styles.app, { backgroundColor: useColors().background }]}>
      {state.name === "starting" && <Loading />}
      {state.name === "signed out" && <SignIn signIn={session.signIn} error={state.error} />}
      {state.name === "signed in" && <SignedIn dutyline={dutyline} workplace={state.workplace} signOut={signOut} />}
      {state.name === "failed" && (
        <View role="main" style={styles.failed}>
          <Notice tone="warning">{describeError(state.error)}</Notice>
          <Button label="Try again" onPress={start} />
          <Button look="plain" label="Sign out" onPress={signOut} />
        </View>
      )}
    </View>
  );
}

/** Ends a sign-in that comes back, and loads who is signed in. */
async function begin(session: Session, dutyline: Dutyline): Promise<State> {
  takeRoute();
  try {
    if (await session.handleRedirect(window.location.href)) window.history.replaceState(null, "", "/");
  } catch (error) {
    window.history.replaceState(null, "", "/");
    return { name: "signed out", error };
  }
  try {
    if ((await session.current()) === undefined) return { name: "signed out" };
    return { name: "signed in", workplace: await loadWorkplace(dutyline) };
  } catch (error) {
    return isProblem(error, "unauthenticated") ? { name: "signed out", error } : { name: "failed", error };
  }
}

function SignedIn({ dutyline, workplace, signOut }: { dutyline: Dutyline; workplace: Workplace; signOut: () => void }) {
  const [route, setRoute] = useState<Route>(() => takeRoute() ?? { screen: "week" });
  useEffect(() => {
    finishRoute();
    const follow = () => {
      const next = parseRoute(window.location.hash);
      if (next !== undefined) setRoute(next);
    };
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, []);
  const setScreen = (screen: ScreenName) => setRoute({ screen });
  const colors = useColors();
  const isWide = useIsWide();
  const Screen = { week: Week, team: Team, missed: MissedCalls, voicemail: Voicemail, settings: Settings }[route.screen];
  const person = <Person name={workplace.me.name} signOut={signOut} />;
  const navigation = <Navigation current={route.screen} onChange={setScreen} />;
  // One tree for both layouts: the screen keeps its place, and with it its state, when the window is resized.
  return (
    <View style={isWide ? styles.wide : styles.narrow}>
      <View style={isWide ? [styles.side, { borderColor: colors.line, backgroundColor: colors.surface }] : styles.top}>
        {isWide && navigation}
        {person}
      </View>
      <Screen dutyline={dutyline} workplace={workplace} route={route} />
      {!isWide && navigation}
    </View>
  );
}

const styles = StyleSheet.create({
  app: { flex: 1 },
  wide: { flex: 1, flexDirection: "row" },
  narrow: { flex: 1 },
  side: { width: 240, padding: 16, borderRightWidth: 1 },
  top: { paddingHorizontal: 20, paddingTop: 12 },
  failed: { padding: 24, gap: 16, maxWidth: 420, width: "100%", alignSelf: "center" },
});
