/** Where the product and its identity provider are: settings.json beside the page. */

export interface Settings {
  api: string;
  issuer: string;
  audience: string;
  clientId: string;
}

export async function loadSettings(): Promise<Settings> {
  const response = await fetch("/settings.json");
  return (await response.json()) as Settings;
}
