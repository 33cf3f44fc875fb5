import type { Dutyline } from "@dutyline/client";
import { useEffect, useState } from "react";

import { type Callback, findCallback, loadMissedCalls, loadNames, type MissedCalls as Loads } from "../callbacks";
import { CallbackCard } from "../components/CallbackCard";
import { Choice, Notice } from "../components/controls";
import { Loaded, useLive, useLoad } from "../components/Loaded";
import { Page } from "../components/Page";
import { Words } from "../components/text";
import type { Location, Workplace } from "../data";
import type { Route } from "../route";

const POLL_SECONDS = 10;

interface Props {
  dutyline: Dutyline;
  workplace: Workplace;
  /** Where a push leads. */
  route?: Route | undefined;
}

export function MissedCalls({ dutyline, workplace, route }: Props) {
  const { locations, me } = workplace;
  const [locationId, setLocationId] = useState(route?.locationId ?? locations[0]?.id);
  const [names] = useLoad(() => loadNames(dutyline, me), []);
  const location = locations.find(({ id }) => id === locationId) ?? locations[0];
  const options = locations.map(({ id, name }) => ({ value: id, label: name }));

  useEffect(() => {
    if (route?.locationId !== undefined) setLocationId(route.locationId);
    else if (route?.callbackId !== undefined) {
      findCallback(dutyline, route.callbackId).then((found) => setLocationId(found.locationId), () => undefined);
    }
  }, [route]);

  return (
    <Page title="Missed calls" intro="Callers who reached nobody. Whoever takes one calls back.">
      {options.length > 1 && <Choice label="Location" options={options} value={location?.id} onChange={setLocationId} />}
      {location === undefined ? (
        <Words tone="quiet">You do not work at a location yet.</Words>
      ) : (
        <Callers
          key={location.id}
          {...{ dutyline, workplace, location }}
          names={names.state === "loaded" ? names.value : new Map()}
          highlightedId={route?.callbackId}
        />
      )}
    </Page>
  );
}

interface CallersProps {
  dutyline: Dutyline;
  workplace: Workplace;
  location: Location;
  names: Map<string, string>;
  highlightedId: string | undefined;
}

function Callers({ dutyline, workplace, location, names, highlightedId }: CallersProps) {
  const [missed, reload] = useLive(() => loadMissedCalls(dutyline, location), [], POLL_SECONDS);
  const [done, setDone] = useState<string>();
  const finish = (sentence?: string) => {
    setDone(sentence);
    reload();
  };
  return (
    <>
      {done !== undefined && <Notice tone="good">{done}</Notice>}
      <Loaded from={missed} reload={reload}>
        {(loads) => (
          <>
            {loads.onlyMine && (
              <Words tone="quiet">{`You see the missed calls of ${location.name} while you are on duty there.`}</Words>
            )}
            {isGone(highlightedId, loads) && <Notice tone="good">This caller has been called back already.</Notice>}
            {loads.callbacks.length === 0 && !loads.onlyMine && (
              <Words tone="quiet">{`Nobody waits to be called back from ${location.name}.`}</Words>
            )}
            {inOrder(loads.callbacks, highlightedId).map((callback) => (
              <CallbackCard
                key={callback.id}
                {...{ dutyline, callback, location, finish }}
                myId={workplace.me.id}
                holder={names.get(callback.takenBy ?? "")}
                message={loads.messages.get(callback.id)}
                isHighlighted={callback.id === highlightedId}
              />
            ))}
          </>
        )}
      </Loaded>
    </>
  );
}

const isGone = (id: string | undefined, { callbacks }: Loads) => id !== undefined && !callbacks.some((one) => one.id === id);

/** The one that a push is about comes first. */
const inOrder = (callbacks: Callback[], firstId: string | undefined) =>
  [...callbacks].sort((one, other) => Number(other.id === firstId) - Number(one.id === firstId));
