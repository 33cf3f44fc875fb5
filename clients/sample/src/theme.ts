/** Colors, sizes and shapes, light and dark. All pairs of text and background pass WCAG AA. */

import { useColorScheme, useWindowDimensions } from "react-native";

const LIGHT = {
  background: "#f6f5f1",
  surface: "#ffffff",
  line: "#e2e0d8",
  text: "#1d2321",
  quiet: "#59625f",
  accent: "#0b5f56",
  onAccent: "#ffffff",
  soft: "#e1efeb",
  warning: "#7a3e00",
  warningSoft: "#fcefdc",
};
const DARK: typeof LIGHT = {
  background: "#101413",
  surface: "#181e1c",
  line: "#2b3330",
  text: "#eaefec",
  quiet: "#a3afaa",
  accent: "#7bd0c0",
  onAccent: "#06231f",
  soft: "#1b322d",
  warning: "#f3c98b",
  warningSoft: "#33270f",
};

export type Colors = typeof LIGHT;

export const useColors = (): Colors => (useColorScheme() === "dark" ? DARK : LIGHT);

/** Whether there is room for the navigation beside the page. */
export const useIsWide = (): boolean => useWindowDimensions().width >= 800;
