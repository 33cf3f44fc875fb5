import type { Dutyline } from "@dutyline/client";
import { FlatList, StyleSheet, View } from "react-native";

import { dayOf, formatTime, formatWeekday, today } from "../clock";
import { Avatar, Card } from "../components/controls";
import { Loaded, useLoad } from "../components/Loaded";
import { Page } from "../components/Page";
import { Heading, Words } from "../components/text";
import { type Colleague, loadColleagues, loadOnDuty, type OnDuty, type Workplace } from "../data";

export function Team({ dutyline, workplace }: { dutyline: Dutyline; workplace: Workplace }) {
  const { locations } = workplace;
  const [onDuty, reloadOnDuty] = useLoad(() => loadOnDuty(dutyline, locations), []);
  const [colleagues, reloadColleagues] = useLoad(() => loadColleagues(dutyline), []);
  return (
    <Page title="On duty now">
      <Loaded from={onDuty} reload={reloadOnDuty}>
        {(byLocation) =>
          locations.map(({ id, name, timeZone }) => (
            <Card key={id}>
              <Heading level={2}>{name}</Heading>
              {(byLocation.get(id) ?? []).length === 0 && <Words tone="quiet">Nobody is on duty.</Words>}
              {(byLocation.get(id) ?? []).map((item) => (
                <Person key={item.staffId} name={item.name} note={describeEnd(item, timeZone)} />
              ))}
            </Card>
          ))
        }
      </Loaded>
      <Heading level={2}>Colleagues</Heading>
      <Loaded from={colleagues} reload={reloadColleagues}>
        {(people) => (
          <Card>
            <FlatList
              data={people}
              scrollEnabled={false}
              keyExtractor={({ id }) => id}
              ItemSeparatorComponent={() => <View style={styles.gap} />}
              ListEmptyComponent={<Words tone="quiet">Nobody else works at your locations.</Words>}
              renderItem={({ item }) => <Person name={item.name} note={describePerson(item)} />}
            />
          </Card>
        )}
      </Loaded>
    </Page>
  );
}

function Person({ name, note }: { name: string; note: string }) {
  return (
    <View style={styles.person}>
      <Avatar name={name} />
      <View style={styles.words}>
        <Words bold>{name}</Words>
        {note !== "" && (
          <Words kind="small" tone="quiet">
            {note}
          </Words>
        )}
      </View>
    </View>
  );
}

function describeEnd({ until, reason, breakUntil }: OnDuty, timeZone: string): string {
  const pause = breakUntil === null ? "" : `, on a break until ${formatTime(breakUntil)}`;
  const day = dayOf(until) === today(timeZone) ? "" : `${formatWeekday(dayOf(until))} `;
  return `Until ${day}${formatTime(until)}${reason === "covering" ? ", covering for a colleague" : ""}${pause}`;
}

const describePerson = ({ profileName, name, userSkills }: Colleague) =>
  [profileName === name ? null : profileName, ...userSkills].filter(Boolean).join(", ");

const styles = StyleSheet.create({
  person: { flexDirection: "row", alignItems: "center", gap: 12 },
  words: { flex: 1 },
  gap: { height: 12 },
});
