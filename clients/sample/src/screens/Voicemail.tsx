import type { Dutyline } from "@dutyline/client";
import { useState } from "react";
import { StyleSheet, View } from "react-native";

import { describeCaller } from "../callers";
import { dayOf, formatDay, formatLength, formatTime, wallTimeAt } from "../clock";
import { AudioPlayer } from "../components/AudioPlayer";
import { Card, Choice } from "../components/controls";
import { Loaded, useLoad } from "../components/Loaded";
import { Page } from "../components/Page";
import { Words } from "../components/text";
import { type Call, loadMessages, loadRecording, type Location, type Workplace } from "../data";

export function Voicemail({ dutyline, workplace }: { dutyline: Dutyline; workplace: Workplace }) {
  const { locations } = workplace;
  const [locationId, setLocationId] = useState(locations[0]?.id);
  const location = locations.find(({ id }) => id === locationId);
  const options = locations.map(({ id, name }) => ({ value: id, label: name }));
  return (
    <Page title="Voicemail">
      {options.length > 1 && <Choice label="Location" options={options} value={locationId} onChange={setLocationId} />}
      {location === undefined ? (
        <Words tone="quiet">You do not work at a location yet.</Words>
      ) : (
        <Messages key={location.id} dutyline={dutyline} location={location} />
      )}
    </Page>
  );
}

function Messages({ dutyline, location }: { dutyline: Dutyline; location: Location }) {
  const [messages, reload] = useLoad(() => loadMessages(dutyline, location), []);
  return (
    <Loaded from={messages} reload={reload}>
      {(calls) =>
        calls.length === 0 ? (
          <Words tone="quiet">{`No messages. When a caller leaves one for ${location.name}, you can listen to it here.`}</Words>
        ) : (
          calls.map((call) => <Message key={call.id} call={call} dutyline={dutyline} location={location} />)
        )
      }
    </Loaded>
  );
}

function Message({ call, dutyline, location }: { call: Call; dutyline: Dutyline; location: Location }) {
  const time = wallTimeAt(call.startedAt, location.timeZone);
  const caller = describeCaller(call.caller);
  return (
    <Card>
      <View style={styles.row}>
        <View style={styles.words}>
          <Words bold>{caller}</Words>
          <Words kind="small" tone="quiet">{`${formatDay(dayOf(time))}, ${formatTime(time)}`}</Words>
        </View>
        <Words kind="small" tone="quiet">
          {formatLength(call.recordings[0]?.seconds ?? 0)}
        </Words>
      </View>
      <AudioPlayer label={`Message from ${caller}`} load={() => loadRecording(dutyline, call)} />
    </Card>
  );
}

const styles = StyleSheet.create({
  row: { flexDirection: "row", alignItems: "center", gap: 12 },
  words: { flex: 1 },
});
