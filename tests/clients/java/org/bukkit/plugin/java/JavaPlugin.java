package org.bukkit.plugin.java;

import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import org.bukkit.Server;
import org.bukkit.command.Command;
import org.bukkit.command.CommandSender;
import org.bukkit.configuration.file.FileConfiguration;
import org.bukkit.plugin.Plugin;

/** As much of Paper as the example uses: its configuration is two system properties, its main thread a queue. */
public abstract class JavaPlugin implements Plugin {
    public static final LinkedBlockingQueue<Runnable> MAIN_THREAD = new LinkedBlockingQueue<>();
    private final FileConfiguration config = new FileConfiguration(
            Map.of("url", System.getProperty("bridge"), "api-key", System.getProperty("key")));

    public void onEnable() {}

    public boolean onCommand(CommandSender sender, Command command, String label, String[] args) {
        return false;
    }

    public void saveDefaultConfig() {}

    public FileConfiguration getConfig() {
        return config;
    }

    public Server getServer() {
        return () -> plugin -> MAIN_THREAD::add;
    }
}
