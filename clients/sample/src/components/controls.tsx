import type { ReactNode } from "react";
import { ActivityIndicator, Pressable, type PressableProps, StyleSheet, TextInput, View } from "react-native";

import { useColors, useIsWide } from "../theme";
import { Words } from "./text";

interface ButtonProps extends Pick<PressableProps, "onPress"> {
  label: string;
  look?: "filled" | "plain" | "quiet";
  disabled?: boolean;
}

export function Button({ label, look = "filled", disabled = false, onPress }: ButtonProps) {
  const colors = useColors();
  const isWide = useIsWide();
  const isFilled = look === "filled";
  return (
    <Pressable
      role="button"
      disabled={disabled}
      onPress={onPress}
      style={({ pressed }) => [
        styles.button,
        isFilled && { backgroundColor: colors.accent },
        look === "plain" && { borderColor: colors.line, borderWidth: 1 },
        look === "quiet" ? styles.quiet : isWide && styles.wide,
        { opacity: pressed ? 0.8 : disabled ? 0.6 : 1 },
      ]}
    >
      <Words bold kind={look === "quiet" ? "small" : "body"} tone={isFilled ? "onAccent" : "accent"}>
        {label}
      </Words>
    </Pressable>
  );
}

export function IconButton({ label, icon, onPress }: { label: string; icon: string; onPress: () => void }) {
  const colors = useColors();
  return (
    <Pressable role="button" aria-label={label} onPress={onPress} style={[styles.icon, { borderColor: colors.line }]}>
      <Words tone="accent" bold>
        {icon}
      </Words>
    </Pressable>
  );
}

interface ChoiceProps<Value extends string> {
  label: string;
  options: { value: Value; label: string }[];
  value: Value | undefined;
  onChange: (value: Value) => void;
}

/** One of a few. */
export function Choice<Value extends string>({ label, options, value, onChange }: ChoiceProps<Value>) {
  const colors = useColors();
  return (
    <View role="radiogroup" aria-label={label} style={styles.choice}>
      {options.map((option) => {
        const isChosen = option.value === value;
        const chosen = { backgroundColor: colors.accent, borderColor: colors.accent };
        return (
          <Pressable
            key={option.value}
            role="radio"
            aria-checked={isChosen}
            onPress={() => onChange(option.value)}
            style={[styles.option, { borderColor: colors.line, backgroundColor: colors.surface }, isChosen && chosen]}
          >
            <Words kind="small" bold tone={isChosen ? "onAccent" : "text"}>
              {option.label}
            </Words>
          </Pressable>
        );
      })}
    </View>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  error?: string | undefined;
}

export function Field({ label, value, onChange, error }: FieldProps) {
  const colors = useColors();
  const input = { borderColor: error ? colors.warning : colors.line, backgroundColor: colors.surface, color: colors.text };
  return (
    <View style={styles.field}>
      <Words kind="small" bold>
        {label}
      </Words>
      <TextInput aria-label={label} value={value} onChangeText={onChange} style={[styles.input, input]} />
      {error !== undefined && (
        <Words kind="small" tone="warning" role="alert">
          {error}
        </Words>
      )}
    </View>
  );
}

export function Card({ children }: { children: ReactNode }) {
  const colors = useColors();
  return <View style={[styles.card, { backgroundColor: colors.surface, borderColor: colors.line }]}>{children}</View>;
}

/** A message within the page: good news, or what is wrong. */
export function Notice({ tone, children }: { tone: "good" | "warning"; children: ReactNode }) {
  const colors = useColors();
  const isWarning = tone === "warning";
  return (
    <View
      role={isWarning ? "alert" : "status"}
      style={[styles.notice, { backgroundColor: isWarning ? colors.warningSoft : colors.soft }]}
    >
      <Words tone={isWarning ? "warning" : "accent"}>{children}</Words>
    </View>
  );
}

export function Loading() {
  return <ActivityIndicator aria-label="Loading" color={useColors().accent} style={styles.loading} />;
}

export function Avatar({ name }: { name: string }) {
  const initials = name.split(/\s+/).map((word) => word[0] ?? "");
  return (
    <View aria-hidden style={[styles.avatar, { backgroundColor: useColors().soft }]}>
      <Words kind="small" tone="accent" bold>
        {`${initials[0] ?? ""}${initials.length > 1 ? initials.at(-1) : ""}`.toUpperCase()}
      </Words>
    </View>
  );
}

const styles = StyleSheet.create({
  button: { minHeight: 48, paddingHorizontal: 20, borderRadius: 12, alignItems: "center", justifyContent: "center" },
  wide: { alignSelf: "flex-start", minWidth: 96 },
  quiet: { minHeight: 44, paddingHorizontal: 8, marginRight: -8 },
  icon: { width: 44, height: 44, borderRadius: 12, borderWidth: 1, alignItems: "center", justifyContent: "center" },
  choice: { flexDirection: "row", flexWrap: "wrap", gap: 8 },
  option: { minHeight: 44, paddingHorizontal: 16, borderRadius: 22, borderWidth: 1, justifyContent: "center" },
  field: { flex: 1, gap: 6 },
  input: { minHeight: 48, borderWidth: 1, borderRadius: 12, paddingHorizontal: 14, fontSize: 16, fontFamily: "system-ui" },
  card: { borderWidth: 1, borderRadius: 16, padding: 16, gap: 12 },
  notice: { borderRadius: 12, padding: 16 },
  loading: { padding: 48 },
  avatar: { width: 40, height: 40, borderRadius: 20, alignItems: "center", justifyContent: "center" },
});
