/** What the product stores about the person, as a PDF. A long one is made in the background. */

import { type Answer, type Dutyline, readRetryAfter } from "@dutyline/client";

const USUAL_WAIT = 5;

/** Ask for the document until it is ready. `onWaiting` is called if that takes longer than a request. */
export async function loadPersonalData(dutyline: Dutyline, onWaiting: () => void, signal: AbortSignal): Promise<Blob> {
  const options = { parseAs: "blob", signal } as const;
  let { data, response }: Omit<Answer<unknown>, "etag"> = await dutyline.GET("/user/export/my-data", options);
  const exportId = response.headers.get("Location")?.split("/").at(-1) ?? "";
  const params = { path: { exportId } };
  while (response.status === 202) {
    onWaiting();
    await sleep(readRetryAfter(response) ?? USUAL_WAIT);
    ({ data, response } = await dutyline.GET("/user/export/my-data/{exportId}", { ...options, params }));
  }
  return data as Blob;
}

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
