import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Command line tools one after the other in one Java, which starts once instead of each time.
 *
 *     in    {"id": 1, "main": "org.apache.kafka.tools.TopicCommand", "args": [...], "input": base64}
 *     out   {"id": 1, "code": 0, "stdout": base64, "stderr": base64}
 *
 * Each run has the tool's classes, and with them its static fields, for itself; only Kafka's
 * clients and libraries are shared.
 */
public final class ToolHost {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream ANSWERS = System.out;
    private static final Switch OUT = new Switch();
    private static final Switch ERR = new Switch();
    private static final List<Runnable> HOOKS = new ArrayList<>();
    private static volatile Ended ended;

    private ToolHost() {}

    public static void main(String[] args) throws Exception {
        System.setOut(new PrintStream(OUT, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(ERR, true, StandardCharsets.UTF_8));
        Exit.setExitProcedure(ToolHost::end);
        Exit.setHaltProcedure(ToolHost::end);
        try {
            Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        } catch (LinkageError older) {
            // Hooks are the JVM's own there.
        }
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            ANSWERS.println(run(JSON.readTree(line)));
            ANSWERS.flush();
        }
        // Without the hooks that tools have left.
        Runtime.getRuntime().halt(0);
    }

    private static ObjectNode run(JsonNode request) throws InterruptedException {
        ended = null;
        OUT.target = new ByteArrayOutputStream();
        ERR.target = new ByteArrayOutputStream();
        System.setIn(new ByteArrayInputStream(
            Base64.getDecoder().decode(request.path("input").asText(""))));
        int[] code = {0};
        Thread thread = new Thread(() -> code[0] = execute(request), "main");
        thread.setContextClassLoader(new ToolLoader());
        thread.start();
        thread.join();
        ended = null;
        for (Runnable hook : HOOKS) {
            try {
                hook.run();
            } catch (RuntimeException | Error failure) {
                failure.printStackTrace();
            }
        }
        HOOKS.clear();
        System.out.flush();
        System.err.flush();
        return JSON.createObjectNode()
            .put("id", request.get("id").asInt())
            .put("code", code[0])
            .put("stdout", OUT.text())
            .put("stderr", ERR.text());
    }

    private static int execute(JsonNode request) {
        List<String> args = new ArrayList<>();
        request.get("args").forEach(one -> args.add(one.asText()));
        try {
            ClassLoader loader = Thread.currentThread().getContextClassLoader();
            loader.loadClass(request.get("main").asText())
                .getMethod("main", String[].class)
                .invoke(null, (Object) args.toArray(new String[0]));
            return ended == null ? 0 : ended.code;
        } catch (InvocationTargetException failure) {
            return codeOf(failure.getCause());
        } catch (Throwable failure) {
            return codeOf(failure);
        }
    }

    private static int codeOf(Throwable failure) {
        if (ended != null) return ended.code;
        failure.printStackTrace();
        return 1;
    }

    /** What a tool that catches everything does after its end neither counts nor is heard. */
    private static void end(int code, String message) {
        if (ended == null) {
            if (message != null) System.err.println(message);
            System.out.flush();
            System.err.flush();
            ended = new Ended(code);
        }
        throw ended;
    }

    private static final class Ended extends Error {
        private static final long serialVersionUID = 1;
        private final int code;

        Ended(int code) {
            super(null, null, false, false);
            this.code = code;
        }
    }

    /** Goes where the run that is on wants it to. */
    private static final class Switch extends OutputStream {
        private volatile ByteArrayOutputStream target = new ByteArrayOutputStream();

        @Override
        public void write(int one) {
            if (ended == null) target.write(one);
        }

        @Override
        public void write(byte[] bytes, int start, int length) {
            if (ended == null) target.write(bytes, start, length);
        }

        String text() {
            return Base64.getEncoder().encodeToString(target.toByteArray());
        }
    }

    /** Loads the tools themselves anew. */
    private static final class ToolLoader extends URLClassLoader {
        private static final URL[] PATH = classPath();

        ToolLoader() {
            super(PATH, ToolHost.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            boolean isTool = name.startsWith("org.apache.kafka.tools.") || name.startsWith("kafka.");
            if (!isTool) return super.loadClass(name, resolve);
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                return loaded != null ? loaded : findClass(name);
            }
        }

        private static URL[] classPath() {
            List<URL> urls = new ArrayList<>();
            for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
                try {
                    urls.add(new File(entry).toURI().toURL());
                } catch (MalformedURLException failure) {
                    throw new IllegalStateException(failure);
                }
            }
            return urls.toArray(new URL[0]);
        }
    }
}
